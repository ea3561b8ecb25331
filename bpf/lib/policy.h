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

static __always_inline bool is_excluded(struct connection *conn, struct sonde_control *board,
					__u32 pid)
{
	__u32 *verdict;

	if (pid == board->self)
		return true;
	verdict = bpf_map_lookup_elem(&processes, &pid);
	if (verdict && *verdict == SONDE_PROCESS_EXCLUDED)
		return true;
	/* While it is not known which end serves, either port may be the service's: one of them is
	 * any port.
	 */
	return (conn->role == SONDE_ROLE_SERVER || port_is_off(conn->remote_port)) &&
	       (conn->role == SONDE_ROLE_CLIENT || port_is_off(conn->local_port));
}

/* A new connection begins with what earlier ones of its endpoint taught. */
static __always_inline void inherit_policy(struct sock *sk, struct connection *conn)
{
	struct sonde_endpoint endpoint = {};
	struct sonde_policy *learned;

	endpoint.role = conn->role;
	endpoint.network_namespace = conn->network_namespace;
	if (conn->role == SONDE_ROLE_CLIENT) {
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
	decided = bpf_map_lookup_elem(&decisions, &id);
	if (!decided)
		return;
	conn->policy = *decided;
	bpf_map_delete_elem(&decisions, &id);
}

/* How many of these bytes the policy wants. */
static __always_inline __u32 wanted_of(const struct connection *conn, __u8 direction, __u32 bytes)
{
	__u32 limit, probed, used = conn->turn_shipped;

	switch (conn->policy.mode) {
	case SONDE_POLICY_PROBE:
		/* A long body may use the probe up before user space has answered: heads that
		 * follow it are told all the same.
		 */
		limit = SONDE_PROBE_HEAD;
		probed = direction == SONDE_IN ? conn->probed[SONDE_IN] : conn->probed[SONDE_OUT];
		if (probed < SONDE_PROBE_LIMIT && limit < used + SONDE_PROBE_LIMIT - probed)
			limit = used + SONDE_PROBE_LIMIT - probed;
		break;
	case SONDE_POLICY_FULL:
		limit = SONDE_FULL_LIMIT;
		break;
	case SONDE_POLICY_HEAD:
		limit = conn->burst		? SONDE_FULL_LIMIT
			: direction == SONDE_IN ? conn->policy.head[SONDE_IN]
						: conn->policy.head[SONDE_OUT];
		break;
	default:
		return 0;
	}
	limit = limit > used ? limit - used : 0;
	return bytes < limit ? bytes : limit;
}
