/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sweeps over connections that are kept in the hash: all elements in one run. User space runs
 * them; they are attached to nothing (a raw tracepoint program can be run so since 5.10).
 * bpf_for_each_map_elem: since 5.13.
 */
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/sweep.h"
#include "bpf/lib/tcp_health.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static long sweep_one(struct bpf_map *map, __u64 *address, struct connection *conn, void *ctx)
{
	return send_silent(conn);
}

SEC("raw_tp")
int sweep(void *ctx)
{
	bpf_for_each_map_elem(&connections_by_address, sweep_one, 0, 0);
	return 0;
}

static long health_of_one(struct bpf_map *map, __u64 *address, struct connection *conn, void *ctx)
{
	health_on_sweep((struct sock *)*address, conn);
	return 0;
}

SEC("raw_tp")
int health_sweep(void *ctx)
{
	bpf_for_each_map_elem(&connections_by_address, health_of_one, 0, 0);
	return 0;
}

static long unix_one(struct bpf_map *map, __u64 *address, struct connection *conn, void *ctx)
{
	return outlives_sweep(*address, conn) ? send_silent(conn) : 0;
}

SEC("raw_tp")
int sweep_unix(void *ctx)
{
	bpf_for_each_map_elem(&connections_by_address, unix_one, 0, 0);
	return 0;
}
