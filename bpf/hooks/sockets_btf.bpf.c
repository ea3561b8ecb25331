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

#include "bpf/lib/turn.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* After a send returned: result is what the caller gets. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int result, int flags)
{
	on_moved(sk, result, 0, SONDE_OUT);
	return 0;
}

/* After a receive returned. The flags are the real ones: a peek moves nothing. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int result, int flags)
{
	on_moved(sk, result, flags, SONDE_IN);
	return 0;
}

/* Who is client and who is server, and where the streams begin: known only here. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int from, int to)
{
	on_state(sk, from, to);
	return 0;
}

/* The end. Not at CLOSE: data can still be read after it. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy_sock, struct sock *sk)
{
	on_destroy(sk);
	return 0;
}

/* The sweep over the storage of sockets (iterator since 5.9). */
SEC("iter/bpf_sk_storage_map")
int sweep(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	return tell_silent(ctx->meta->seq, ctx->value);
}
