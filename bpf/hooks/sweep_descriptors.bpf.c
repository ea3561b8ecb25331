/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sweeps over connections that are kept in their sockets, where the kernel does not let us walk
 * the storage: by the descriptors of all processes. Costs by how many files the host has open. They
 * miss sockets without a descriptor (on their way to another process,
 * or io_uring's own). iter/task_file: since 5.8; bpf_sock_from_file: since 5.11.
 */
#define SONDE_DIRECT
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/sweep.h"
#include "bpf/lib/tcp_health.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct sock *sock_at(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket = file ? bpf_sock_from_file(file) : 0;
	struct sock *sk = socket ? socket->sk : 0;

	return sk && is_tcp(sk) ? sk : 0;
}

SEC("iter/task_file")
int sweep(struct bpf_iter__task_file *ctx)
{
	struct sock *sk = sock_at(ctx);

	return sk ? tell_silent(ctx->meta->seq, find_connection(sk)) : 0;
}

SEC("iter/task_file")
int health_sweep(struct bpf_iter__task_file *ctx)
{
	struct sock *sk = sock_at(ctx);

	if (sk)
		health_on_sweep(sk, find_connection(sk));
	return 0;
}
