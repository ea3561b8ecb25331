/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Decisions of user space about bytes. */
#pragma once

#include "bpf/shared/limits.h"
#include "bpf/shared/policy.h"

/* Key: where a connection leads. Value: the policy learned from earlier connections there; new ones
 * begin with it. Written by user space alone; least recently used go first (then the next
 * connection probes again).
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SONDE_MAX_ENDPOINTS);
	__type(key, struct sonde_endpoint);
	__type(value, struct sonde_policy);
} endpoints SEC(".maps");

/* Key: connection id. Value: its own policy. Written by user space; deleted here when the
 * connection took it over. A connection looks here while it probes, and when the policy epoch
 * moved.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SONDE_MAX_DECISIONS);
	__type(key, __u64);
	__type(value, struct sonde_policy);
} decisions SEC(".maps");

/* One bit per port: connections to (client) or at (server) this port are not watched. Written by
 * user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / 64);
	__type(key, __u32);
	__type(value, __u64);
} ports_off SEC(".maps");

/* Ports that had a listener when we started: tells who is the server of a connection older than we
 * are. Key: network namespace << 16 | port. Written by the listener iterator; nothing deletes: it
 * is read only for such.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SONDE_MAX_LISTENERS);
	__type(key, __u64);
	__type(value, __u8);
} listeners SEC(".maps");
