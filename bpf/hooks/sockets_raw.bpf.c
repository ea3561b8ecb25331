/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `socktp`, untyped: the same tracepoints as raw ones, with the state of each connection
 * in a hash by the socket's address. For kernels that refuse the typed form. It misses what that
 * misses, and costs a hash lookup more.
 */

#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/turn.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* After a send returned: result is what the caller gets. */
SEC("raw_tp/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int result, int flags)
{
	on_moved(sk, result, 0, SONDE_OUT);
	return 0;
}

/* After a receive returned. The flags are the real ones: a peek moves nothing. */
SEC("raw_tp/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int result, int flags)
{
	on_moved(sk, result, flags, SONDE_IN);
	return 0;
}

/* Who is client and who is server, and where the streams begin: known only here. */
SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int from, int to)
{
	on_state(sk, from, to);
	return 0;
}

/* The end. Not at CLOSE: data can still be read after it. */
SEC("raw_tp/tcp_destroy_sock")
int BPF_PROG(on_destroy_sock, struct sock *sk)
{
	on_destroy(sk);
	return 0;
}

/* The sweep over the hash of connections (iterator since 5.8). */
SEC("iter/bpf_map_elem")
int sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	return tell_silent(ctx->meta->seq, ctx->value);
}
