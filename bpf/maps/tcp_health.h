/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The health of TCP: what is known of each peer. */
#pragma once

#include "bpf/shared/limits.h"
#include "bpf/shared/tcp_health.h"

/* Key: a process and one of its peers. Written here; read by user space, which takes out entries
 * that rest (one count that arrives in that very moment may be lost). Full: the fact is counted as
 * lost. Not a least-recently-used map: those forget silently. Sized for the peers that are active
 * between two readings; an entry takes about 240 bytes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SONDE_MAX_TCP_PEERS);
	__type(key, struct sonde_tcp_peer);
	__type(value, struct sonde_tcp_health);
} tcp_peers SEC(".maps");
