/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `socktp`, typed: the tracepoints that fire when a socket call returns, as BTF programs,
 * with the state of each connection in the socket itself.
 *
 * Why these: nothing but socket calls pays. Since Linux 6.3 (the tracepoints) with socket storage
 * for tracing programs (6.1). They miss: bytes spliced from a socket, TCP_ZEROCOPY_RECEIVE (both
 * show as a gap in the position), and the payload of io_uring and sendfile (counted).
 */
#define SONDE_DIRECT
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/life_programs.h"
#include "bpf/lib/run.h"
#include "bpf/lib/running_call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* After a send returned: result is what the caller gets. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int result, int flags)
{
	begin_run(SONDE_COST_CALLS);
	on_moved(sk, result, 0, SONDE_OUT, 0);
	end_run(SONDE_COST_CALLS);
	return 0;
}

/* After a receive returned. The flags are the real ones: a peek moves nothing. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int result, int flags)
{
	begin_run(SONDE_COST_CALLS);
	on_moved(sk, result, flags, SONDE_IN, 0);
	end_run(SONDE_COST_CALLS);
	return 0;
}
