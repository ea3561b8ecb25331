/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sweeps over connections that are kept in the hash, for kernels whose programs cannot walk it
 * in one run: by an iterator. iter/bpf_map_elem: since 5.8.
 */
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/sweep.h"
#include "bpf/lib/tcp_health.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/bpf_map_elem")
int sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	return tell_silent(ctx->meta->seq, ctx->value);
}

/* The keys are the addresses of their sockets. */
SEC("iter/bpf_map_elem")
int health_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	struct sock **sk = ctx->key;

	if (!sk)
		return 0;
	barrier_var(sk); /* else the load moves before the check */
	health_on_sweep(*sk, ctx->value);
	return 0;
}

SEC("iter/bpf_map_elem")
int sweep_unix(struct bpf_iter__bpf_map_elem *ctx)
{
	struct connection *conn = ctx->value;
	__u64 *key = ctx->key;

	if (!key || !conn || !outlives_sweep(*key, conn))
		return 0;
	return tell_silent(ctx->meta->seq, conn);
}
