/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Obeying user space: is this connection watched, and how many of its bytes are wanted. */
#pragma once

#include "bpf/lib/socket.h"
#include "bpf/maps/control.h"
#include "bpf/maps/policies.h"
#include "bpf/maps/processes.h"

static __always_inline bool port_is_off(__u16 port)
{
	__u32 word = port >> 6;
	__u64 *bits = bpf_map_lookup_elem(&ports_off, &word);

	return bits && *bits & (1ull << (port & 63));
}

static __always_inline bool is_excluded_port(const struct connection *conn)
{
	/* While it is not known which end serves, either port may be the service's: one of them is
	 * any port.
	 */
	return (conn->role == SONDE_ROLE_SERVER || port_is_off(conn->remote_port)) &&
	       (conn->role == SONDE_ROLE_CLIENT || port_is_off(conn->local_port));
}

static __always_inline bool is_excluded(const struct connection *conn, struct sonde_control *board,
					__u32 pid)
{
	return is_excluded_process(board, pid) || is_excluded_port(conn);
}

/* A new connection begins with what earlier ones of its endpoint taught. */
static __always_inline void inherit_policy(struct sock *sk, struct connection *conn)
{
	struct sonde_endpoint endpoint = {};
	struct sonde_policy *learned;

	endpoint.role = conn->role;
	endpoint.network_namespace = conn->network_namespace;
	if (conn->is_unix) {
		endpoint.family = SONDE_FAMILY_UNIX;
		*(__u64 *)endpoint.address = conn->name;
	} else if (conn->role == SONDE_ROLE_CLIENT) {
		__u8 local[16] = {};

		endpoint.family = addresses_of(sk, local, endpoint.address);
		endpoint.port = conn->remote_port;
	} else {
		endpoint.port = conn->local_port;
	}
	learned = bpf_map_lookup_elem(&endpoints, &endpoint);
	if (learned)
		conn->policy = *learned;
}

/* Takes over what user space decided about this connection since we looked last. */
static __always_inline void refresh_policy(struct connection *conn, struct sonde_control *board)
{
	struct sonde_policy *decided;
	__u32 epoch = board->policy_epoch;
	__u64 id = conn->id;

	if (conn->epoch == epoch)
		return;
	conn->epoch = epoch;
	conn->restraint = restraint_on(&conn->owner, board);
	decided = bpf_map_lookup_elem(&decisions, &id);
	if (!decided)
		return;
	conn->policy = *decided;
	bpf_map_delete_elem(&decisions, &id);
}

static __always_inline bool ships_whole(const struct connection *conn)
{
	return !conn->restraint && (conn->policy.mode == SONDE_POLICY_FULL ||
				    (conn->policy.mode == SONDE_POLICY_HEAD && conn->burst));
}

/* How many of these bytes the policy wants. */
static __always_inline __u32 wanted_of(const struct connection *conn, __u8 direction, __u32 bytes)
{
	__u32 limit, probed, used = conn->turn_shipped;

	if (ships_whole(conn)) {
		limit = used < SONDE_FULL_LIMIT - SONDE_EDGE ? SONDE_FULL_LIMIT - used : SONDE_EDGE;
		return bytes < limit ? bytes : limit;
	}
	switch (conn->policy.mode) {
	case SONDE_POLICY_FULL: /* restrained */
		limit = SONDE_PROBE_HEAD;
		break;
	case SONDE_POLICY_PROBE:
		limit = SONDE_PROBE_HEAD;
		if (conn->restraint)
			break;
		/* A long body may use the probe up before user space has answered: heads that
		 * follow it are told all the same.
		 */
		probed = direction == SONDE_IN ? conn->probed[SONDE_IN] : conn->probed[SONDE_OUT];
		if (probed < SONDE_PROBE_LIMIT && limit < used + SONDE_PROBE_LIMIT - probed)
			limit = used + SONDE_PROBE_LIMIT - probed;
		break;
	case SONDE_POLICY_HEAD:
		limit = direction == SONDE_IN ? conn->policy.head[SONDE_IN]
					      : conn->policy.head[SONDE_OUT];
		break;
	default:
		return 0;
	}
	if (conn->restraint == SONDE_RESTRAINT_COUNT)
		limit = conn->policy.mode == SONDE_POLICY_PROBE && conn->turn <= SONDE_LOOK_TURNS
				? SONDE_LOOK_BYTES
				: 0;
	limit = limit > used ? limit - used : 0;
	return bytes < limit ? bytes : limit;
}

/* Of a call from whose front so many bytes are wanted: how many of its last ones are, too. What is
 * framed within (a stream's pieces, each with its length before it) often begins or ends where a
 * call does.
 */
static __always_inline __u32 wanted_tail(const struct connection *conn, __u32 bytes, __u32 wanted)
{
	__u32 left;

	if (!ships_whole(conn))
		return 0;
	if (wanted > SONDE_CALL_LIMIT)
		wanted = SONDE_CALL_LIMIT;
	left = bytes - wanted;
	return left < SONDE_EDGE ? left : SONDE_EDGE;
}
