/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is open when we start, in every network namespace: all that has a descriptor in some
 * process. Connections older than we are get their role from the listeners; those of AF_UNIX are
 * known to be older. It misses sockets without a descriptor (on their way to another process, or
 * io_uring's own), and what is outside the process namespace of whoever reads this iterator.
 * iter/task_file: since 5.8.
 */
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/unix.h"
#include "bpf/maps/policies.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void note_listener(struct sock *sk)
{
	__u64 port = (__u64)network_namespace_of(sk) << 16 | BPF_CORE_READ(sk, __sk_common.skc_num);
	__u8 yes = 1;

	bpf_map_update_elem(&listeners, &port, &yes, BPF_ANY);
}

SEC("iter/task_file")
int note_open(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;
	__u8 state;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	/* A socket's place in a file system can be opened too, and is none. */
	if (!socket || BPF_CORE_READ(socket, file) != file)
		return 0;
	sk = BPF_CORE_READ(socket, sk);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_LISTEN && is_tcp(sk))
		note_listener(sk);
	else if (state == TCP_ESTABLISHED && is_unix_stream(sk) && !find_unix(sk))
		meet_unix(sk);
	return 0;
}
