/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The turn core: what happens when bytes moved on a socket. Every door ends here.
 *
 * A turn is a run of bytes in one direction. We count all of its bytes, ship as many of its first
 * ones as the policy asks for, and tell its end with the next record of the connection.
 */
#pragma once

#include "bpf/lib/mover.h"
#include "bpf/lib/policy.h"
#include "bpf/lib/ship.h"
#include "bpf/lib/unix.h"

/* Where the bytes of the call lie in user memory. The door says how to find out, by what it
 * includes: running_call.h, returned_call.h or exited_call.h.
 */
static __always_inline enum buffers find_buffers(struct sock *sk, struct shipment *s);

/* Sets up the state of a connection, but for its sequence numbers. */
static __always_inline struct connection *begin_connection(struct sock *sk, __u8 role)
{
	struct connection *conn = make_connection(sk);

	if (!conn)
		return 0;
	conn->id = draw_connection_id();
	conn->direction = NO_DIRECTION;
	conn->role = role;
	conn->local_port = SOCK_FIELD(sk, __sk_common.skc_num);
	conn->remote_port = bpf_ntohs(SOCK_FIELD(sk, __sk_common.skc_dport));
	conn->network_namespace = network_namespace_of(sk);
	return conn;
}

/* The read that meets the peer's FIN steps over it, but it is no byte of the stream. It is the last
 * thing received. */
static __always_inline bool fin_is_read(struct sock *sk, struct tcp_sock *tcp)
{
	return SOCK_FIELD(sk, __sk_common.skc_flags) & (1 << SOCK_DONE) &&
	       TCP_FIELD(tcp, copied_seq) == TCP_FIELD(tcp, rcv_nxt);
}

/* Of a connection whose role nobody tells: did its own SYN open it? bytes_acked then counts one
 * more than bytes; by what was sent, we know how many bytes there were. As long as no FIN may be
 * among the numbers, that is: else most likely it did, since who accepts is known by its listener.
 */
static __always_inline bool has_sent_syn(struct sock *sk, struct tcp_sock *tcp)
{
	__u32 sent = TCP_FIELD(tcp, bytes_sent) - TCP_FIELD(tcp, bytes_retrans);
	__u32 acked = TCP_FIELD(tcp, bytes_acked);
	__u8 state = SOCK_FIELD(sk, __sk_common.skc_state);

	return (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) ||
	       TCP_FIELD(tcp, snd_nxt) - sent != TCP_FIELD(tcp, snd_una) - acked;
}

/* A connection that was there before us (or whose beginning we missed): its streams stand
 * somewhere. Who is the server can only be told by the port it listens on, or by what the listener
 * left in it.
 */
static __noinline int meet_connection(struct sock *sk)
{
	struct tcp_sock *tcp = tcp_of(sk);
	struct connection *conn;
	__u64 in, out, port;
	__u32 read;

	if (!tcp)
		return -1;
	conn = begin_connection(sk, SONDE_ROLE_UNKNOWN);
	if (!conn)
		return -1;
	in = TCP_FIELD(tcp, bytes_received);
	out = TCP_FIELD(tcp, bytes_acked);
	port = (__u64)conn->network_namespace << 16 | conn->local_port;
	if (SOCK_FIELD(sk, sk_max_ack_backlog) || bpf_map_lookup_elem(&listeners, &port))
		conn->role = SONDE_ROLE_SERVER;
	else if (has_sent_syn(sk, tcp))
		out--;
	read = TCP_FIELD(tcp, copied_seq) - fin_is_read(sk, tcp);
	conn->base[SONDE_IN] = TCP_FIELD(tcp, rcv_nxt) - (__u32)in;
	conn->base[SONDE_OUT] = TCP_FIELD(tcp, snd_una) - (__u32)out;
	conn->position[SONDE_IN] = in - (TCP_FIELD(tcp, rcv_nxt) - read);
	conn->position[SONDE_OUT] = out + (TCP_FIELD(tcp, write_seq) - TCP_FIELD(tcp, snd_una));
	conn->midway = 1;
	return 0;
}

/* The end of the direction's stream by the kernel's own sequence numbers, so that bytes that moved
 * unseen show as a gap. Moves the connection's position there and returns where these bytes began.
 */
static __always_inline __u64 advance(struct sock *sk, struct tcp_sock *tcp, struct connection *conn,
				     __u8 direction, __u32 bytes)
{
	__u64 end;
	__u32 moved;

	if (direction == SONDE_IN) {
		end = conn->position[SONDE_IN];
		moved = tcp ? TCP_FIELD(tcp, copied_seq) - conn->base[SONDE_IN] - (__u32)end
			    : bytes;
	} else {
		end = conn->position[SONDE_OUT];
		moved = tcp ? TCP_FIELD(tcp, write_seq) - conn->base[SONDE_OUT] - (__u32)end
			    : bytes;
	}
	if (moved > bytes && direction == SONDE_IN && tcp && fin_is_read(sk, tcp))
		moved--;
	/* Of two threads on one socket the first to be told takes the other's bytes for a gap; the
	 * other then tells where they were. Never past what the kernel says: that would stay.
	 */
	if (moved > 0x7fffffff)
		moved = 0;
	end += moved;
	if (end < bytes) {
		/* Sent with the SYN (fast open): the stream began before it was established. */
		if (direction == SONDE_OUT)
			conn->base[SONDE_OUT] -= bytes - (__u32)end;
		else
			conn->base[SONDE_IN] -= bytes - (__u32)end;
		end = bytes;
	}
	if (direction == SONDE_IN)
		conn->position[SONDE_IN] = end;
	else
		conn->position[SONDE_OUT] = end;
	return end - bytes;
}

/* Where the stream we send stands by the kernel's own word. A thread that reads an answer can be
 * told before the one that sent the question: our own count is then behind, and the answer begins a
 * turn. One more than counted is our FIN.
 */
static __always_inline __u64 sent_position(struct tcp_sock *tcp, struct connection *conn)
{
	__u64 counted = conn->position[SONDE_OUT];
	__u32 ahead;

	if (!tcp)
		return counted;
	ahead = TCP_FIELD(tcp, write_seq) - conn->base[SONDE_OUT] - (__u32)counted;
	return ahead > 1 && ahead < 0x7fffffff ? counted + ahead : counted;
}

static __always_inline void begin_turn(struct connection *conn, struct sonde_control *board,
				       __u8 direction)
{
	conn->last_turn_bytes = conn->turn_bytes;
	conn->last_turn_end_ns = conn->turn_last_ns;
	refresh_policy(conn, board);
	/* By the new policy: the turn that just ended may be the burst that made user space decide.
	 */
	conn->burst = conn->policy.burst && conn->turn_bytes > conn->policy.burst;
	conn->direction = direction;
	conn->turn++;
	conn->turn_bytes = 0;
	conn->turn_shipped = 0;
}

static __always_inline void count_unreadable(struct counters *count, enum buffers reason,
					     __u32 bytes)
{
	count->of[SONDE_COUNT_calls_unreadable]++;
	count->of[SONDE_COUNT_bytes_unreadable] += bytes;
	switch (reason) {
	case BUFFERS_FILE:
		count->of[SONDE_COUNT_unreadable_file]++;
		return;
	case BUFFERS_MANY:
		count->of[SONDE_COUNT_unreadable_many]++;
		return;
	case BUFFERS_TRUNCATED:
		count->of[SONDE_COUNT_unreadable_truncated]++;
		return;
	case BUFFERS_CONTEXT:
		count->of[SONDE_COUNT_unreadable_context]++;
		return;
	default:
		count->of[SONDE_COUNT_unreadable_fault]++;
	}
}

static __always_inline void count_off(struct counters *count, __u32 bytes)
{
	count->of[SONDE_COUNT_calls_off]++;
	count->of[SONDE_COUNT_bytes_off] += bytes;
}

/* Until user space has started, nothing is watched but the self-test's own connections. */
static __always_inline bool must_wait(const struct connection *conn,
				      const struct sonde_control *board)
{
	if (!board->only_port)
		return false;
	if (conn->is_unix)
		return conn->inode != board->only_unix[0] && conn->inode != board->only_unix[1];
	return board->only_port != conn->local_port && board->only_port != conn->remote_port;
}

/* First bytes of a connection that was not seen to be established, and opened by its own SYN. Fast
 * open: they go with the SYN, whose number is all there is. Else the kernel skipped the run that
 * would have seen it (life_programs.h): the streams began where its counts say.
 */
static __always_inline void begin_streams_unestablished(struct sock *sk, struct connection *conn)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (!tcp)
		return;
	conn->base[SONDE_OUT] = TCP_FIELD(tcp, snd_una) + 1 - (__u32)TCP_FIELD(tcp, bytes_acked);
	if (SOCK_FIELD(sk, __sk_common.skc_state) == TCP_SYN_SENT)
		return;
	conn->base[SONDE_IN] = TCP_FIELD(tcp, rcv_nxt) - (__u32)TCP_FIELD(tcp, bytes_received);
	conn->local_port = SOCK_FIELD(sk, __sk_common.skc_num);
	conn->opening = 0;
}

/* Another process than before moves the bytes (or it is the first time): is it watched? */
static __noinline int take_over(struct sock *sk, struct connection *conn, __u32 pid)
{
	struct sonde_control *board = switchboard();

	if (!conn || !board)
		return false;
	if (must_wait(conn, board))
		return false;
	conn->owner = pid;
	if (conn->opening)
		begin_streams_unestablished(sk, conn);
	if (is_excluded(conn, board, pid)) {
		conn->policy.mode = SONDE_POLICY_OFF;
		return false;
	}
	conn->restraint = restraint_on(&conn->owner, board);
	if (!conn->told) {
		inherit_policy(sk, conn);
		conn->epoch = board->policy_epoch;
	}
	return conn->policy.mode != SONDE_POLICY_OFF;
}

static __always_inline bool open_connection(struct sock *sk, struct shipment *s)
{
	/* The places reserved in the ring differ, and must be constants. */
	if (s->conn->is_unix)
		return send_open(sk, s->conn, s->count, s->board, s->who, s->now, s->direction,
				 s->bytes, (SONDE_UNIX_NAME + 7) & ~7);
	return send_open(sk, s->conn, s->count, s->board, s->who, s->now, s->direction, s->bytes,
			 0);
}

/* These bytes of a running or new turn are to be told. Counts the call. */
static __noinline int tell(struct sock *sk, struct shipment *s, bool new_turn, int flags)
{
	struct connection *conn = s->conn;
	struct counters *count = s->count;
	__u32 bytes = s->bytes, wanted = s->wanted, shipped = 0;
	enum buffers found = BUFFERS_FOUND;

	if (!conn->told && !open_connection(sk, s)) {
		s->lost = true;
	} else if (!wanted) {
		send_bare(s);
	} else {
		found = flags & MSG_TRUNC ? BUFFERS_TRUNCATED : find_buffers(sk, s);
		if (found == BUFFERS_FOUND) {
			s->tail = wanted_tail(conn, bytes, wanted);
			shipped = ship(s);
		} else {
			s->fault = true;
			/* Under HEAD the end of such a turn is told by the next record; a record
			 * without bytes for each piece of a file would be a waste.
			 */
			if (new_turn || conn->policy.mode != SONDE_POLICY_HEAD)
				send_bare(s);
		}
	}
	conn->turn_shipped += wanted;
	if (conn->policy.mode == SONDE_POLICY_PROBE) {
		if (s->direction == SONDE_IN)
			conn->probed[SONDE_IN] += wanted;
		else
			conn->probed[SONDE_OUT] += wanted;
	}

	if (shipped) {
		count->of[SONDE_COUNT_calls_shipped]++;
		if (s->lost)
			count->of[SONDE_COUNT_bytes_lost] += bytes - shipped;
		else if (s->fault)
			count->of[SONDE_COUNT_bytes_unreadable] += bytes - shipped;
		else
			count->of[SONDE_COUNT_bytes_cut] += bytes - shipped;
	} else if (s->lost) {
		count->of[SONDE_COUNT_calls_lost]++;
		count->of[SONDE_COUNT_bytes_lost] += bytes;
	} else if (!wanted) {
		count->of[SONDE_COUNT_calls_counted]++;
		count->of[SONDE_COUNT_bytes_cut] += bytes;
	} else {
		count_unreadable(count, found, bytes);
	}
	/* What the records so far stand for; the sweep tells what moved since. */
	if (!s->lost && (shipped || !s->fault || new_turn))
		conn->told_bytes = conn->turn_bytes;
	return 0;
}

/* A call on this socket returned: result bytes moved in this direction. call: for find_buffers().
 */
static __always_inline void on_moved(struct sock *sk, int result, int flags, __u8 direction,
				     const struct call *call)
{
	struct sonde_control *board;
	struct counters *count;
	struct connection *conn;
	struct tcp_sock *tcp;
	struct shipment s;
	bool new_turn;
	__u64 who;

	if (result <= 0) {
		if (!result || result == -EPIPE || result == -ECONNRESET)
			end_unix(sk, result);
		return;
	}
	if (direction == SONDE_IN && flags & (MSG_PEEK | MSG_ERRQUEUE))
		return;
	if (is_tcp(sk)) {
		conn = find_connection(sk);
		if (!conn && !is_stream(sk))
			return;
	} else {
		if (!is_unix_stream(sk))
			return;
		conn = find_unix(sk);
		if (!conn && !inode_of(sk))
			return; /* the kernel's own */
	}
	count = ledger();
	board = switchboard();
	if (!count || !board)
		return;
	count->of[SONDE_COUNT_calls_seen]++;
	count->of[SONDE_COUNT_bytes_seen] += (__u32)result;
	if (conn && conn->policy.mode == SONDE_POLICY_OFF) {
		count_off(count, result);
		return;
	}
	who = mover();
	if (!conn) {
		/* Before any state is made: who is not watched needs none. */
		if (is_excluded_process(board, who >> 32)) {
			count_off(count, result);
			return;
		}
		if (!is_tcp(sk)) {
			if (!meet_unix(sk))
				conn = find_unix(sk);
		} else if (!meet_connection(sk)) {
			conn = find_connection(sk);
		}
		if (!conn) {
			count->of[SONDE_COUNT_connections_untracked]++;
			count->of[SONDE_COUNT_calls_lost]++;
			count->of[SONDE_COUNT_bytes_lost] += (__u32)result;
			return;
		}
		/* The streams stand behind the bytes that just moved: step back over them. They may
		 * be the first: of a connection that was another's, who is not watched.
		 */
		if (!conn->is_unix) {
			if (direction == SONDE_IN)
				conn->position[SONDE_IN] -= (__u32)result;
			else
				conn->position[SONDE_OUT] -= (__u32)result;
			conn->midway = conn->position[SONDE_IN] || conn->position[SONDE_OUT];
		}
	}
	if (conn->owner != who >> 32 && !take_over(sk, conn, who >> 32)) {
		count_off(count, result);
		return;
	}

	/* Not sooner: most of those who are not watched never come to here. */
	s = (struct shipment){
		.call = call,
		.conn = conn,
		.count = count,
		.board = board,
		.now = bpf_ktime_get_ns(),
		.who = who,
		.bytes = result,
		.direction = direction,
	};
	tcp = conn->is_unix ? 0 : tcp_of(sk);
	s.position = advance(sk, tcp, conn, direction, result);
	new_turn = conn->direction != direction;
	if (direction == SONDE_IN) {
		s.other_position = sent_position(tcp, conn);
		new_turn |= s.other_position != conn->position[SONDE_OUT];
	} else {
		s.other_position = conn->position[SONDE_IN];
	}
	if (new_turn) {
		begin_turn(conn, s.board, direction);
		s.flags = SONDE_FLAG_NEW_TURN;
		if (conn->restraint == SONDE_RESTRAINT_COUNT)
			s.flags |= SONDE_FLAG_UNREAD;
	}
	conn->turn_bytes += (__u32)result;
	conn->turn_last_ns = s.now;
	if (conn->policy.mode == SONDE_POLICY_OFF) {
		count_off(count, result);
		return;
	}
	s.wanted = wanted_of(conn, direction, result);
	if (!s.wanted && !new_turn) {
		count->of[SONDE_COUNT_calls_counted]++;
		count->of[SONDE_COUNT_bytes_cut] += (__u32)result;
		return;
	}
	tell(sk, &s, new_turn, flags);
}
