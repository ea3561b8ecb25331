/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The life of AF_UNIX connections. There is no event where one begins or ends, so:
 *
 *   - it begins with the first bytes that move. State is made for both ends at once: each then
 * knows the other's id, which is what joins them (TCP has sequence numbers for that);
 *   - it is over when a survivor meets its end (a receive of nothing, a send that fails) and the
 *     other end has indeed closed; when another socket is seen at its address; or when the sweep,
 *     which user space runs every second, finds its socket gone.
 *
 * Its streams have no numbers of the kernel's: positions are our own count, and bytes that move
 * unseen leave no gap. Its state is in the hash by address with every door: not in the socket,
 * since what is known of it must outlive it.
 */
#pragma once

#include "bpf/lib/records.h"

static __always_inline struct connection *unix_state_at(__u64 address)
{
	return bpf_map_lookup_elem(&connections_by_address, &address);
}

static __always_inline void drop_unix(struct sonde_control *board, __u64 address)
{
	if (!bpf_map_delete_elem(&connections_by_address, &address))
		__sync_fetch_and_add(&board->unix_connections, -1);
}

/* Makes the state of this address, unless somebody else just did; it is whole before it is seen. */
static __noinline int make_unix(__u64 address, __u64 inode, __u64 peer, __u64 peer_id)
{
	struct sonde_control *board = switchboard();
	struct connection fresh = {};

	fresh.id = draw_connection_id();
	fresh.direction = NO_DIRECTION;
	fresh.is_unix = 1;
	fresh.inode = inode;
	fresh.peer = peer;
	fresh.peer_id = peer_id;
	if (board && !bpf_map_update_elem(&connections_by_address, &address, &fresh, BPF_NOEXIST))
		__sync_fetch_and_add(&board->unix_connections, 1);
	return 0;
}

/* Tells the end of what was told to begin, once, and forgets it. */
static __noinline int close_unix(__u64 address, __u8 ending)
{
	struct connection *conn = unix_state_at(address), *other;
	struct sonde_control *board = switchboard();
	struct counters *count = ledger();
	__u8 yes = 1;
	__u64 id;

	if (!conn || !board || !count)
		return 0;
	id = conn->id;
	if (bpf_map_update_elem(&unix_ends, &id, &yes, BPF_NOEXIST))
		return 0;
	conn->ending = ending;
	if (conn->told)
		send_close(conn, count, board, bpf_ktime_get_ns());
	/* Made for our sake, and never seen itself. */
	other = unix_state_at(conn->peer);
	if (other && !other->inode && other->peer_id == conn->id)
		drop_unix(board, conn->peer);
	drop_unix(board, address);
	return 0;
}

/* Is this the state of the socket that is at the peer's address now? One that has closed told us so
 * long before: its last call returned before it closed.
 */
static __always_inline bool is_current(struct connection *conn, __u64 peer)
{
	return conn->inode && (conn->inode == inode_at(peer) || has_closed(peer));
}

/* First bytes of this socket. */
static __noinline __maybe_unused int meet_unix(struct sock *sk)
{
	struct connection *conn = unix_state_at((__u64)sk), *other;
	struct sonde_control *board = switchboard();
	__u64 peer = unix_peer_of(sk);

	if (!board)
		return -1;
	other = unix_state_at(peer);
	if (conn && !conn->inode &&
	    (!other || other->id != conn->peer_id || !is_current(other, peer))) {
		drop_unix(board, (__u64)sk); /* made for the sake of another */
		conn = 0;
	}
	if (!conn) {
		make_unix((__u64)sk, inode_of(sk), peer, 0);
		conn = unix_state_at((__u64)sk);
		if (!conn)
			return -1;
		if (other && !is_current(other, peer))
			close_unix(peer, 0);
		if (peer && !has_closed(peer))
			make_unix(peer, 0, (__u64)sk, conn->id);
		other = unix_state_at(peer);
		conn->peer_id = other ? other->id : 0;
	}
	conn->inode = inode_of(sk);
	conn->role = unix_role_of(sk);
	conn->name = unix_name_digest(sk, conn->role);
	conn->network_namespace = network_namespace_of(sk);
	/* Before we watch, bytes move that we do not count. */
	conn->midway = board->only_port != 0;
	return 0;
}

/* Its state, if it was met before. */
static __noinline __maybe_unused struct connection *find_unix(struct sock *sk)
{
	struct connection *conn = unix_state_at((__u64)sk);

	if (!conn || !conn->inode)
		return 0;
	if (conn->inode != inode_of(sk)) {
		close_unix((__u64)sk, 0);
		return 0;
	}
	return conn;
}

/* This socket is about to be closed. Not if its other end has not moved a byte yet: that is to be
 * joined with it first, and ends both. */
static __always_inline __maybe_unused void release_unix(struct sock *sk)
{
	struct connection *conn, *other;

	if (!is_unix_stream(sk))
		return;
	conn = find_unix(sk);
	if (!conn)
		return;
	other = unix_state_at(conn->peer);
	if (other && !other->inode && other->peer_id == conn->id)
		return;
	close_unix((__u64)sk, 0);
}

/* A call on a socket returned nothing, or failed. If its other end has closed and nothing is left
 * to be read, both ends are over.
 */
static __always_inline void end_unix(struct sock *sk, int result)
{
	__u64 peer;

	if (!is_unix_stream(sk))
		return;
	peer = unix_peer_of(sk);
	if (!peer || !has_closed(peer) || BPF_CORE_READ(sk, sk_receive_queue.qlen))
		return;
	if (find_unix(sk))
		close_unix((__u64)sk, result == -ECONNRESET ? SONDE_FLAG_RESET : 0);
	close_unix(peer, 0);
}
