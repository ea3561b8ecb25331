/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sweeps over connections that are kept in their sockets: by the storage itself, which visits
 * nothing else. Iterator since 5.9; a locked-down kernel may refuse it.
 */
#define SONDE_DIRECT
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/sweep.h"
#include "bpf/lib/tcp_health.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/bpf_sk_storage_map")
int sweep(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	return tell_silent(ctx->meta->seq, ctx->value);
}

SEC("iter/bpf_sk_storage_map")
int health_sweep(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	health_on_sweep(ctx->sk, ctx->value);
	return 0;
}
