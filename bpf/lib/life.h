/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The life of a TCP connection: what every door does at inet_sock_set_state and tcp_destroy_sock.
 * Its state begins with the first SYN of who connects, or when what a listener accepts is
 * established, and ends with the socket. What its beginning and end tell of the health of TCP is
 * taken on the way.
 */
#pragma once

#include "bpf/lib/tcp_health.h"
#include "bpf/lib/turn.h"

/* The same socket may have lived before (connect again after AF_UNSPEC). */
static __always_inline void end_former_life(struct connection *conn)
{
	struct sonde_control *board = switchboard();
	struct counters *count = ledger();

	if (conn->told && count && board)
		send_close(conn, count, board, bpf_ktime_get_ns());
}

static __always_inline struct connection *begin_life(struct sock *sk, __u8 role)
{
	struct connection *conn = find_connection(sk);

	if (conn)
		end_former_life(conn);
	conn = begin_connection(sk, role);
	if (conn)
		conn->opened_ns = bpf_ktime_get_ns();
	return conn;
}

static __always_inline void establish(struct sock *sk, struct connection *conn)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (!tcp)
		return;
	conn->base[SONDE_IN] = TCP_FIELD(tcp, copied_seq);
	/* Bytes that went with the SYN were told from where they stood. */
	if (!conn->told)
		conn->base[SONDE_OUT] = TCP_FIELD(tcp, write_seq);
}

/* In the connecting task: the first SYN is about to leave. A process that is not watched leaves no
 * trace; should the connection be handed to one that is, its first bytes meet it.
 */
static __always_inline void on_connect(struct sock *sk)
{
	struct sonde_control *board = switchboard();
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct connection *conn;

	if (!board || is_excluded_process(board, pid))
		return;
	conn = begin_life(sk, SONDE_ROLE_CLIENT);
	if (!conn) {
		health_on_untracked(board);
		return;
	}
	conn->opening = 1;
	conn->opener = pid;
}

/* Its end, whichever it is. */
static __always_inline void on_connected(struct sock *sk, bool established)
{
	struct connection *conn = find_connection(sk);
	__u64 now;

	if (!conn)
		return;
	if (!conn->opening) {
		/* A former life, and a connect that we were not to see. */
		end_former_life(conn);
		drop_connection(sk);
		return;
	}
	now = bpf_ktime_get_ns();
	health_on_connected(sk, conn, established, now - conn->opened_ns);
	if (!established)
		return;
	conn->opening = 0;
	conn->opened_ns = now;
	conn->local_port = SOCK_FIELD(sk, __sk_common.skc_num);
	establish(sk, conn);
}

/* At the end: what was received unseen since the last call (spliced from the socket) shows in the
 * close as a gap. Looked for at CLOSE too, since a disconnect (close with linger 0) then takes all
 * that came for read; that it also forgets how much came tells it from a read.
 */
static __always_inline void catch_up(struct sock *sk, struct connection *conn)
{
	struct tcp_sock *tcp = tcp_of(sk);
	__u64 seen = conn->position[SONDE_IN];
	__u32 moved;

	if (!tcp)
		return;
	moved = TCP_FIELD(tcp, copied_seq) - conn->base[SONDE_IN] - (__u32)seen -
		fin_is_read(sk, tcp);
	if (moved <= 0x7fffffff && seen + moved <= TCP_FIELD(tcp, bytes_received))
		conn->position[SONDE_IN] = seen + moved;
}

/* Data may still be read: only remember how it ended. */
static __always_inline void on_close(struct sock *sk, int from)
{
	struct connection *conn = find_connection(sk);
	int error;

	if (!conn)
		return;
	catch_up(sk, conn);
	error = SOCK_FIELD(sk, sk_err);
	if (error == ECONNRESET || error == EPIPE)
		conn->ending = SONDE_FLAG_RESET;
	else if (error == ETIMEDOUT)
		conn->ending = SONDE_FLAG_TIMEOUT;
	health_on_close(sk, conn, from);
}

/* Most changes of state mean nothing to us: those are let go first. */
static __always_inline void on_state(struct sock *sk, int from, int to)
{
	switch (to) {
	case TCP_SYN_SENT:
		if (is_tcp(sk))
			on_connect(sk);
		return;
	case TCP_ESTABLISHED:
		if (!is_tcp(sk))
			return;
		if (from == TCP_SYN_SENT) {
			on_connected(sk, true);
		} else if (from == TCP_SYN_RECV) {
			struct connection *conn = begin_life(sk, SONDE_ROLE_SERVER);

			if (conn)
				establish(sk, conn);
		}
		return;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		if (is_tcp(sk))
			health_on_fin(sk);
		return;
	case TCP_CLOSE:
		if (!is_tcp(sk))
			return;
		if (from == TCP_SYN_SENT)
			on_connected(sk, false);
		else
			on_close(sk, from);
	}
}

/* The end. Its state goes with the socket where it is kept there: to take it out would cost more
 * than it saves.
 */
static __always_inline void on_destroy(struct sock *sk)
{
	struct connection *conn = find_connection(sk);
	struct sonde_control *board;
	struct counters *count;

	if (!conn)
		return;
	if (conn->told) {
		catch_up(sk, conn);
		board = switchboard();
		count = ledger();
		if (count && board)
			send_close(conn, count, board, bpf_ktime_get_ns());
	}
	forget_connection(sk, conn);
}
