/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which ports had a listener when we started, in the network namespace of whoever reads this
 * iterator: connections older than we are get their role from it. iter/tcp: since 5.9.
 */
#include "bpf/lib/prelude.h"

#include "bpf/maps/policies.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/tcp")
int note_listener(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	__u64 port;
	__u8 yes = 1;

	if (!sk || BPF_CORE_READ(sk, skc_state) != TCP_LISTEN)
		return 0;
	port = (__u64)BPF_CORE_READ(sk, skc_net.net, ns.inum) << 16 | BPF_CORE_READ(sk, skc_num);
	bpf_map_update_elem(&listeners, &port, &yes, BPF_ANY);
	return 0;
}
