/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `socktp`, untyped: the same tracepoints as raw ones, with the state of each connection
 * in a hash by the socket's address. For kernels that refuse the typed form. It misses what that
 * misses, and costs a hash lookup more.
 */

#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/life_programs.h"
#include "bpf/lib/run.h"
#include "bpf/lib/running_call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* After a send returned: result is what the caller gets. */
SEC("raw_tp/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int result, int flags)
{
	begin_run(SONDE_COST_CALLS);
	on_moved(sk, result, 0, SONDE_OUT, 0);
	end_run(SONDE_COST_CALLS);
	return 0;
}

/* After a receive returned. The flags are the real ones: a peek moves nothing. */
SEC("raw_tp/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int result, int flags)
{
	begin_run(SONDE_COST_CALLS);
	on_moved(sk, result, flags, SONDE_IN, 0);
	end_run(SONDE_COST_CALLS);
	return 0;
}
