/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The state of a connection: one struct, in one of two places. */
#pragma once

#include "bpf/shared/limits.h"
#include "bpf/shared/policy.h"

#define NO_DIRECTION 0xff

struct connection {
	__u64 id;
	__u64 position[2]; /* end of each direction's stream, as last seen */
	__u64 turn_bytes;
	__u64 turn_last_ns;
	__u64 told_bytes; /* turn_bytes when the turn was last told: more since then is for the
			     sweep */
	__u64 last_turn_bytes;
	__u64 last_turn_end_ns;
	__u64 opened_ns; /* 0: open before our time. While it is opening: when that began */
	union {
		__u32 base[2]; /* TCP: sequence number of position 0 of each direction */
		__u64 peer_id; /* AF_UNIX: the other end's id; 0: not known */
	};
	__u64 inode;	 /* AF_UNIX: of its socket. 0: its other end was seen, itself not yet */
	__u64 peer;	 /* AF_UNIX: the other end's address */
	__u64 name;	 /* AF_UNIX: digest of the name listened on; 0: it has none */
	__u32 probed[2]; /* bytes shipped while probing */
	__u32 turn;
	__u32 turn_shipped;
	__u32 lost_records;
	__u32 owner; /* process that last moved bytes */
	__u32 epoch; /* policy epoch last looked at */
	struct sonde_policy policy;
	__u16 local_port;
	__u16 remote_port;
	__u32 network_namespace;
	__u8 direction; /* of the running turn; NO_DIRECTION before the first byte */
	__u8 role;
	__u8 told;   /* the open record was sent */
	__u8 burst;  /* this turn ships whole: the one before was longer than policy.burst */
	__u8 ending; /* SONDE_FLAG_RESET, SONDE_FLAG_TIMEOUT */
	__u8 midway;
	__u8 is_unix;
	__u8 opening;	/* its first SYN was not answered yet, or never was */
	__u8 sampled;	/* bpf/lib/tcp_health.h has looked at it; what it saw: */
	__u8 restraint; /* enum sonde_restraint, as it was when the turn began */
	__u8 pad[2];
	__u32 sampled_acked;
	__u32 sampled_retransmits;
	__u32 opener; /* who connected; if it was accepted and moved nothing, who closed it */
};

/* Where the kernel allows it (tp_btf since 6.1): in the socket itself, freed with it. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

/* Elsewhere, and always for AF_UNIX (bpf/lib/unix.h): by the address of the struct sock. Entries
 * are made at ESTABLISHED or first sight and deleted when the socket is destroyed, or made anew
 * when the address is seen at ESTABLISHED again. Full: the connection is untracked and counted so.
 * User space may shrink it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SONDE_MAX_CONNECTIONS);
	__type(key, __u64);
	__type(value, struct connection);
} connections_by_address SEC(".maps");

/* The ends of AF_UNIX connections, by id: two CPUs may meet one at the same time, and who puts it
 * in tells it. (Nothing in a value can be claimed by adding to it before Linux 5.12.) Nothing
 * deletes: no id comes again, and the least recent go by themselves.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SONDE_MAX_UNIX_ENDS);
	__type(key, __u64);
	__type(value, __u8);
} unix_ends SEC(".maps");

/* Next connection number of each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} connection_numbers SEC(".maps");

/* Unique while the host is up and we run: the CPU in the upper bits, its own count below. A
 * connection that is established in an interrupt may draw in the middle of it, and no kernel before
 * 5.12 adds and tells the sum at once: so a draw is the count before it and how many others it met.
 */
static __always_inline __u64 draw_connection_id(void)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&connection_numbers, &zero);
	__u64 before, met;

	if (!number)
		return 0;
	before = *(volatile __u64 *)number;
	__sync_fetch_and_add(number, 1);
	met = *(volatile __u64 *)number - before - 1;
	return ((__u64)(bpf_get_smp_processor_id() + 1) << 48) | (before + 1) << 8 | (met & 0xff);
}
