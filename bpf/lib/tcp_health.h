/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The health of TCP: how connects end and how long they take, and what the kernel itself knows of
 * each connection (round-trip time, retransmits), summed up per process and peer.
 *
 * Nothing here runs for bytes: only when a connection changes its state (from the door's own
 * program, life.h), when a reset comes or goes, and when user space asks for a sweep. Who a
 * connection belongs to is what the door knows of it.
 */
#pragma once

#include "bpf/lib/policy.h"
#include "bpf/maps/counters.h"
#include "bpf/maps/tcp_health.h"

static __always_inline void bump(__u32 *count, __u32 by)
{
	__sync_fetch_and_add(count, by);
}

static __always_inline void add_time(__u64 *sum, __u32 *buckets, const __u32 size, __u64 us)
{
	__u32 bucket = 0;

#define X(bound) bucket += us > (bound);
	SONDE_TCP_BOUNDS(X)
#undef X
	if (bucket >= size)
		bucket = size - 1;
	bump(&buckets[bucket], 1);
	__sync_fetch_and_add(sum, us);
}

static const struct sonde_tcp_health no_health = {};

/* What is summed up for this peer; null, and counted, if there is no room. */
static __always_inline struct sonde_tcp_health *find_health(const struct sonde_tcp_peer *peer)
{
	struct sonde_tcp_health *health = bpf_map_lookup_elem(&tcp_peers, peer);
	struct counters *count = ledger();

	if (count)
		count->of[SONDE_COUNT_tcp_facts_seen]++;
	if (health)
		return health;
	bpf_map_update_elem(&tcp_peers, peer, &no_health, BPF_NOEXIST);
	health = bpf_map_lookup_elem(&tcp_peers, peer);
	if (!health && count)
		count->of[SONDE_COUNT_tcp_facts_lost]++;
	return health;
}

static __always_inline enum sonde_tcp_failure failure_of(struct sock *sk)
{
	switch (SOCK_FIELD(sk, sk_err)) {
	case 0: {
		/* The kernel found no fault: the program closed it - or no SYN ever left, for want
		 * of a port.
		 */
		struct tcp_sock *tcp = tcp_of(sk);

		return tcp && TCP_FIELD(tcp, segs_out) ? SONDE_TCP_FAILURE_aborted
						       : SONDE_TCP_FAILURE_other;
	}
	case ECONNREFUSED:
		return SONDE_TCP_FAILURE_refused;
	case ETIMEDOUT:
		return SONDE_TCP_FAILURE_timeout;
	case ECONNRESET:
		return SONDE_TCP_FAILURE_reset;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case EACCES: /* prohibited, as ICMPv6 says it */
		return SONDE_TCP_FAILURE_unreachable;
	default:
		return SONDE_TCP_FAILURE_other;
	}
}

/* Is this connection, at this moment, one to tell of? Fills in its peer. */
static __always_inline bool peer_of(struct sock *sk, struct connection *conn,
				    struct sonde_control *board, __u32 pid,
				    struct sonde_tcp_peer *peer)
{
	__u8 local[16];

	if (is_excluded(conn, board, pid))
		return false;
	peer->pid = pid;
	peer->role = conn->role;
	peer->port = conn->role == SONDE_ROLE_SERVER ? conn->local_port : conn->remote_port;
	peer->family = addresses_of(sk, local, peer->address);
	return true;
}

static __always_inline bool is_measured(const struct sonde_control *board)
{
	return board->tcp_health && !board->only_port;
}

/* There is no room for the connection that begins. */
static __always_inline void health_on_untracked(struct sonde_control *board)
{
	struct counters *count = ledger();

	if (count && is_measured(board))
		count->of[SONDE_COUNT_tcp_connects_untracked]++;
}

/* A connect came to its end, one way or the other. */
static __always_inline void health_on_connected(struct sock *sk, struct connection *conn,
						bool established, __u64 took_ns)
{
	struct sonde_control *board = switchboard();
	struct sonde_tcp_health *health;
	struct sonde_tcp_peer peer = {};
	struct tcp_sock *tcp;

	if (!board || !is_measured(board) || !peer_of(sk, conn, board, conn->opener, &peer))
		return;
	health = find_health(&peer);
	if (!health)
		return;
	if (established) {
		add_time(&health->connect_us, health->connects, SONDE_TCP_CONNECT_BUCKETS,
			 took_ns / 1000);
		return;
	}
	bump(&health->failures[failure_of(sk)], 1);
	tcp = tcp_of(sk);
	if (tcp)
		bump(&health->retransmits, TCP_FIELD(tcp, total_retrans));
}

/* What the kernel knows of the connection, as far as it was not told yet. A round-trip time is
 * sampled when bytes of ours were acknowledged since the last sample: before that it says nothing
 * new. Of a connection that is older than we are the retransmits before our time do not count.
 */
static __always_inline void sample(struct sock *sk, struct connection *conn,
				   struct sonde_control *board, __u32 pid)
{
	struct tcp_sock *tcp = tcp_of(sk);
	struct sonde_tcp_health *health;
	struct sonde_tcp_peer peer = {};
	__u32 acked, retransmits, rtt_us;
	bool first, rtt_moved;

	if (!tcp)
		return;
	first = !conn->sampled;
	acked = TCP_FIELD(tcp, bytes_acked);
	retransmits = TCP_FIELD(tcp, total_retrans);
	rtt_us = TCP_FIELD(tcp, srtt_us) >> 3;
	rtt_moved = rtt_us && (first || acked != conn->sampled_acked);
	if (first && conn->midway)
		conn->sampled_retransmits = retransmits;
	if (!rtt_moved && retransmits == conn->sampled_retransmits)
		return;
	if (!peer_of(sk, conn, board, pid, &peer))
		return;
	health = find_health(&peer);
	if (!health)
		return;
	if (rtt_moved)
		add_time(&health->rtt_us, health->rtts, SONDE_TCP_RTT_BUCKETS, rtt_us);
	bump(&health->retransmits, retransmits - conn->sampled_retransmits);
	conn->sampled = 1;
	conn->sampled_acked = acked;
	conn->sampled_retransmits = retransmits;
}

/* Who answers for it: who last moved its bytes, else who opened or closed it. */
static __always_inline __u32 holder_of(const struct connection *conn)
{
	return conn->owner ? conn->owner : conn->opener;
}

static __always_inline void health_on_close(struct sock *sk, struct connection *conn, int from)
{
	struct sonde_control *board = switchboard();
	struct counters *count;
	__u32 pid = holder_of(conn);

	if (!board || !is_measured(board))
		return;
	/* Closed without a fault and without a FIN: by its process, which is the current one. */
	if (!pid && (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT) && !SOCK_FIELD(sk, sk_err))
		pid = bpf_get_current_pid_tgid() >> 32;
	if (pid) {
		sample(sk, conn, board, pid);
		return;
	}
	count = ledger();
	if (count && !is_excluded_port(conn))
		count->of[SONDE_COUNT_tcp_connections_unowned]++;
}

/* In the task that closes or shuts down. All that is ever known of the owner of a connection that
 * was accepted and moved nothing.
 */
static __always_inline void health_on_fin(struct sock *sk)
{
	struct sonde_control *board = switchboard();
	struct connection *conn;

	if (!board || !board->tcp_health)
		return;
	conn = find_connection(sk);
	if (conn && !holder_of(conn))
		conn->opener = bpf_get_current_pid_tgid() >> 32;
}

/* A reset of a connection; those that answer a SYN are failed connects, and those that answer
 * strays belong to nobody.
 */
static __always_inline void health_on_reset(struct sock *sk, __u8 direction)
{
	struct connection *conn = find_connection(sk);
	struct sonde_control *board = switchboard();
	struct sonde_tcp_health *health;
	struct sonde_tcp_peer peer = {};
	__u32 pid;

	if (!conn || !board || !is_measured(board) ||
	    SOCK_FIELD(sk, __sk_common.skc_state) == TCP_SYN_SENT)
		return;
	pid = holder_of(conn);
	if (!pid || !peer_of(sk, conn, board, pid, &peer))
		return;
	health = find_health(&peer);
	if (!health)
		return;
	if (direction == SONDE_IN)
		bump(&health->resets[SONDE_IN], 1);
	else
		bump(&health->resets[SONDE_OUT], 1);
}

/* The sweep over living connections: their round-trip times and retransmits so far. */
static __always_inline void health_on_sweep(struct sock *sk, struct connection *conn)
{
	struct sonde_control *board = switchboard();

	/* The hash holds those of AF_UNIX too. */
	if (!sk || !conn || conn->is_unix || conn->opening || !holder_of(conn) || !board ||
	    !is_measured(board) || SOCK_FIELD(sk, __sk_common.skc_state) == TCP_CLOSE)
		return;
	sample(sk, conn, board, holder_of(conn));
}
