/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The turn core: what happens when bytes moved on a socket. Every door ends here.
 *
 * A turn is a run of bytes in one direction. We count all of its bytes, ship as many of its first
 * ones as the policy asks for, and tell its end with the next record of the connection.
 */
#pragma once

#include "bpf/lib/policy.h"
#include "bpf/lib/records.h"

/* Sets up the state of a connection first seen in the given sequence numbers. */
static __always_inline struct connection *begin_connection(struct sock *sk, struct tcp_sock *tcp,
							   __u8 role)
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
	conn = begin_connection(sk, tcp, SONDE_ROLE_UNKNOWN);
	if (!conn)
		return -1;
	in = TCP_FIELD(tcp, bytes_received);
	out = TCP_FIELD(tcp, bytes_acked);
	port = (__u64)conn->network_namespace << 16 | conn->local_port;
	if (SOCK_FIELD(sk, sk_max_ack_backlog) || bpf_map_lookup_elem(&listeners, &port))
		conn->role = SONDE_ROLE_SERVER;
	else
		out--; /* who connected counts its SYN as acknowledged */
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

/* Another process than before moves the bytes (or it is the first time): is it watched? */
static __noinline int take_over(struct sock *sk, struct connection *conn, __u32 pid)
{
	struct sonde_control *board = switchboard();

	if (!conn || !board)
		return false;
	if (board->only_port && board->only_port != conn->local_port &&
	    board->only_port != conn->remote_port)
		return false;
	conn->owner = pid;
	if (is_excluded(conn, board, pid)) {
		conn->policy.mode = SONDE_POLICY_OFF;
		return false;
	}
	if (!conn->told) {
		inherit_policy(sk, conn);
		conn->epoch = board->policy_epoch;
	}
	return conn->policy.mode != SONDE_POLICY_OFF;
}

/* These bytes of a running or new turn are to be told. Counts the call. */
static __noinline int tell(struct sock *sk, struct shipment *s, bool new_turn, int flags)
{
	struct connection *conn = s->conn;
	struct counters *count = s->count;
	__u32 bytes = s->bytes, wanted = s->wanted, shipped = 0;
	enum buffers found = BUFFERS_FOUND;

	if (!conn->told &&
	    !send_open(sk, conn, count, s->board, s->who, s->now, s->direction, bytes)) {
		s->lost = true;
	} else if (!wanted) {
		send_bare(s);
	} else {
		found = find_buffers(sk, &s->cursor);
		if (flags & MSG_TRUNC)
			found = BUFFERS_TRUNCATED;
		if (found == BUFFERS_FOUND) {
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

/* A call on this socket returned: result bytes moved in this direction. */
static __always_inline void on_moved(struct sock *sk, int result, int flags, __u8 direction)
{
	struct shipment s = {};
	struct counters *count;
	struct connection *conn;
	struct tcp_sock *tcp;
	bool new_turn;
	__u64 who;

	if (result <= 0 || !is_followed(sk))
		return;
	if (direction == SONDE_IN && flags & (MSG_PEEK | MSG_ERRQUEUE))
		return;
	conn = find_connection(sk);
	if (!conn && !is_stream(sk))
		return;
	count = ledger();
	if (!count)
		return;
	count->of[SONDE_COUNT_calls_seen]++;
	count->of[SONDE_COUNT_bytes_seen] += (__u32)result;
	if (!conn) {
		if (!meet_connection(sk))
			conn = find_connection(sk);
		if (!conn) {
			count->of[SONDE_COUNT_connections_untracked]++;
			count->of[SONDE_COUNT_calls_lost]++;
			count->of[SONDE_COUNT_bytes_lost] += (__u32)result;
			return;
		}
		/* The streams stand behind the bytes that just moved: step back over them. */
		if (direction == SONDE_IN)
			conn->position[SONDE_IN] -= (__u32)result;
		else
			conn->position[SONDE_OUT] -= (__u32)result;
	}
	s.board = switchboard();
	if (conn->policy.mode == SONDE_POLICY_OFF || !s.board) {
		count_off(count, result);
		return;
	}
	who = bpf_get_current_pid_tgid();
	if (conn->owner != who >> 32 && !take_over(sk, conn, who >> 32)) {
		count_off(count, result);
		return;
	}

	s.conn = conn;
	s.count = count;
	s.now = bpf_ktime_get_ns();
	s.who = who;
	s.direction = direction;
	s.bytes = result;
	tcp = tcp_of(sk);
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

/* The life of a connection. */
static __always_inline void on_state(struct sock *sk, int from, int to)
{
	struct connection *conn;
	struct tcp_sock *tcp;

	if (!is_followed(sk))
		return;
	if (to == TCP_ESTABLISHED && (from == TCP_SYN_SENT || from == TCP_SYN_RECV)) {
		tcp = tcp_of(sk);
		if (!tcp)
			return;
		/* The same socket may have lived before (connect again after AF_UNSPEC). */
		conn = find_connection(sk);
		if (conn && conn->told) {
			struct counters *count = ledger();
			struct sonde_control *board = switchboard();

			if (count && board)
				send_close(conn, count, board, bpf_ktime_get_ns());
		}
		conn = begin_connection(
			sk, tcp, from == TCP_SYN_SENT ? SONDE_ROLE_CLIENT : SONDE_ROLE_SERVER);
		if (!conn)
			return;
		conn->opened_ns = bpf_ktime_get_ns();
		conn->base[SONDE_IN] = TCP_FIELD(tcp, copied_seq);
		conn->base[SONDE_OUT] = TCP_FIELD(tcp, write_seq);
	} else if (to == TCP_CLOSE) {
		int error = SOCK_FIELD(sk, sk_err);

		/* Data may still be read: only remember how it ended. */
		conn = find_connection(sk);
		if (conn && (error == ECONNRESET || error == EPIPE))
			conn->ending = SONDE_FLAG_RESET;
		else if (conn && error == ETIMEDOUT)
			conn->ending = SONDE_FLAG_TIMEOUT;
	}
}

static __always_inline void on_destroy(struct sock *sk)
{
	struct connection *conn = find_connection(sk);
	struct counters *count = ledger();
	struct sonde_control *board = switchboard();

	if (!conn)
		return;
	if (conn->told && count && board)
		send_close(conn, count, board, bpf_ktime_get_ns());
	drop_connection(sk);
}

/* The sweep: user space asks for it while some answer's end is still untold because its connection
 * fell silent. One record, into the iterator's file, for a turn that moved since it was last told.
 */
static __always_inline int tell_silent(struct seq_file *file, struct connection *conn)
{
	struct sonde_progress_record record = {};
	struct counters *count = ledger();

	if (!conn || !count || !conn->told || conn->policy.mode == SONDE_POLICY_OFF ||
	    conn->turn_bytes == conn->told_bytes)
		return 0;
	fill_header(&record.header, SONDE_RECORD_PROGRESS, sizeof(record), conn->id,
		    bpf_ktime_get_ns());
	record.header.direction = conn->direction & 1;
	fill_state(&record.state, conn, conn->direction);
	record.position =
		conn->direction == SONDE_IN ? conn->position[SONDE_IN] : conn->position[SONDE_OUT];
	record.turn_bytes = conn->turn_bytes;
	record.turn_last_ns = conn->turn_last_ns;
	if (bpf_seq_write(file, &record, sizeof(record)))
		return 0;
	conn->told_bytes = conn->turn_bytes;
	count->of[SONDE_COUNT_records_swept]++;
	return 0;
}
