/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The records of a connection: open, data, close. Each function sends one and keeps the ledger
 * true. */
#pragma once

#include "bpf/lib/ring.h"
#include "bpf/lib/user_buffers.h"

static __always_inline void fill_state(struct sonde_turn_state *state,
				       const struct connection *conn, __u8 direction)
{
	state->other_position =
		direction == SONDE_IN ? conn->position[SONDE_OUT] : conn->position[SONDE_IN];
	state->last_turn_bytes = conn->last_turn_bytes;
	state->last_turn_end_ns = conn->last_turn_end_ns;
	state->turn = conn->turn;
	state->lost_records = conn->lost_records;
}

static __always_inline void lose_record(struct connection *conn, struct counters *count)
{
	conn->lost_records++;
	count->of[SONDE_COUNT_records_lost]++;
}

/* before: how many of the bytes just moved in this direction are not yet told; the streams stood
 * there before them. */
static __always_inline bool send_open(struct sock *sk, struct connection *conn,
				      struct counters *count, struct sonde_control *board,
				      __u64 who, __u64 now, __u8 direction, __u32 before)
{
	struct sonde_open_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		lose_record(conn, count);
		return false;
	}
	__builtin_memset(record, 0, sizeof(*record));
	fill_header(&record->header, SONDE_RECORD_OPEN, sizeof(*record), conn->id, now);
	record->family = addresses_of(sk, record->local_address, record->remote_address);
	record->local_port = conn->local_port;
	record->remote_port = conn->remote_port;
	record->role = conn->role;
	record->pid = who >> 32;
	record->tid = (__u32)who;
	record->sequence_in = conn->base[SONDE_IN];
	record->sequence_out = conn->base[SONDE_OUT];
	record->network_namespace = conn->network_namespace;
	record->position_in = conn->position[SONDE_IN] - (direction == SONDE_IN ? before : 0);
	record->position_out = conn->position[SONDE_OUT] - (direction == SONDE_OUT ? before : 0);
	record->opened_ns = conn->opened_ns;
	if (conn->midway || record->position_in || record->position_out)
		record->header.flags = SONDE_FLAG_MIDWAY;
	bpf_ringbuf_submit(record, wake_flags(board));
	conn->told = 1;
	count->of[SONDE_COUNT_connections_opened]++;
	count->of[SONDE_COUNT_records_sent]++;
	return true;
}

static __always_inline void send_close(struct connection *conn, struct counters *count,
				       struct sonde_control *board, __u64 now)
{
	struct sonde_close_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		lose_record(conn, count);
		return;
	}
	fill_header(&record->header, SONDE_RECORD_CLOSE, sizeof(*record), conn->id, now);
	record->header.flags = conn->ending;
	fill_state(&record->state, conn, conn->direction);
	record->state.last_turn_bytes = conn->turn_bytes;
	record->state.last_turn_end_ns = conn->turn_last_ns;
	record->state.other_position = 0;
	record->position_in = conn->position[SONDE_IN];
	record->position_out = conn->position[SONDE_OUT];
	bpf_ringbuf_submit(record, wake_flags(board));
	count->of[SONDE_COUNT_connections_closed]++;
	count->of[SONDE_COUNT_records_sent]++;
}

/* What ship() works on: one call's bytes on their way into records. */
struct shipment {
	struct cursor cursor;
	struct connection *conn;
	struct counters *count;
	struct sonde_control *board;
	__u64 now;
	__u64 who;
	__u64 position; /* of the next record */
	__u64 other_position;
	__u32 bytes;   /* of the call, not yet told */
	__u32 wanted;  /* of them, to be captured */
	__u32 shipped; /* so far */
	__u8 direction;
	__u8 flags; /* for the next record */
	bool fault;
	bool lost;
};

static __always_inline void fill_data(struct sonde_data_record *record, struct shipment *s,
				      __u32 size, __u32 bytes, __u32 captured)
{
	fill_header(&record->header, SONDE_RECORD_DATA, size, s->conn->id, s->now);
	record->header.direction = s->direction;
	record->header.flags = s->flags | (s->fault ? SONDE_FLAG_UNREADABLE : 0);
	fill_state(&record->state, s->conn, s->direction);
	record->state.other_position = s->other_position;
	record->position = s->position;
	record->bytes = bytes;
	record->captured = captured;
	record->pid = s->who >> 32;
	record->tid = (__u32)s->who;
	s->flags = 0;
}

/* A data record without payload: that a turn began, and how many bytes moved. */
static __always_inline bool send_bare(struct shipment *s)
{
	struct sonde_data_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		lose_record(s->conn, s->count);
		s->lost = true;
		return false;
	}
	fill_data(record, s, sizeof(*record), s->bytes, 0);
	bpf_ringbuf_submit(record, wake_flags(s->board));
	s->count->of[SONDE_COUNT_records_sent]++;
	return true;
}

/* A record being filled from the user's buffers. How far it is stands in the record itself
 * (captured): the verifier knows nothing of what it reads there, so that all turns of the loop look
 * alike to it.
 */
struct gathering {
	struct shipment *s;
	struct sonde_data_record *record;
	__u64 wanted;
	__u64 cap;
};

/* Copies one piece: what is left of the current buffer, or of the room. Returns 1 when there is
 * nothing more to do. */
static int gather_piece(__u32 index, struct gathering *g)
{
	struct cursor *cursor = &g->s->cursor;
	__u64 filled = g->record->captured, piece;

	if (!cursor->length) {
		struct user_iovec iov;

		if (!cursor->left || bpf_probe_read_user(&iov, sizeof(iov), (void *)cursor->iov)) {
			g->s->fault = true;
			return 1;
		}
		cursor->iov += sizeof(iov);
		cursor->left--;
		cursor->base = iov.base;
		cursor->length = iov.length;
	}
	piece = g->wanted - filled;
	if (piece > cursor->length)
		piece = cursor->length;
	barrier_var(piece);
	barrier_var(filled);
	if (piece > g->cap || filled > g->cap)
		return 1;
	if (bpf_probe_read_user(g->record->payload + filled, piece, (void *)cursor->base)) {
		g->s->fault = true;
		return 1;
	}
	cursor->base += piece;
	cursor->length -= piece;
	filled += piece;
	g->record->captured = filled;
	return filled >= g->wanted;
}

/* One record of at most cap captured bytes. The place reserved is twice that: the verifier sees the
 * place where a piece goes and its length apart, each up to cap. What lies behind the captured
 * bytes is never looked at. Returns the number captured; fault or lost are set where that ends the
 * shipment. last: no other record of this call follows.
 */
static __always_inline __u32 ship_record(struct shipment *s, const __u32 cap, bool last)
{
	struct sonde_data_record *record =
		bpf_ringbuf_reserve(&events, sizeof(*record) + 2 * cap, 0);
	struct gathering g = {.s = s, .record = record, .cap = cap};
	__u32 filled;

	if (!record) {
		lose_record(s->conn, s->count);
		s->lost = true;
		return 0;
	}
	record->captured = 0;
	g.wanted = s->wanted < cap ? s->wanted : cap;
	/* Most calls have all of it in one buffer: no loop for them. */
	if (s->cursor.length >= g.wanted)
		gather_piece(0, &g);
	else
		bpf_loop(SONDE_SEGMENTS_PER_RECORD, gather_piece, &g, 0);
	filled = record->captured;
	/* The last record of the call stands for all that is left of it. */
	last = last || s->fault || filled == s->wanted;
	fill_data(record, s, sizeof(*record) + 2 * cap, last ? s->bytes : filled, filled);
	bpf_ringbuf_submit(record, wake_flags(s->board));
	s->count->of[SONDE_COUNT_records_sent]++;
	s->count->of[SONDE_COUNT_bytes_shipped] += filled;
	s->position += filled;
	s->bytes -= filled;
	s->wanted -= filled;
	return filled;
}

/* One record of a shipment too large for a small one. */
static int ship_more(__u32 index, struct shipment *s)
{
	const bool last = index == SONDE_RECORDS_PER_CALL - 1;

	if (s->wanted <= SONDE_CAPTURE_MEDIUM)
		s->shipped += ship_record(s, SONDE_CAPTURE_MEDIUM, last);
	else
		s->shipped += ship_record(s, SONDE_CAPTURE_LARGE, last);
	if (!s->wanted)
		return 1;
	return (s->fault | s->lost) & 1;
}

/* Ships the wanted bytes; returns how many went. */
static __always_inline __u32 ship(struct shipment *s)
{
	if (s->wanted <= SONDE_CAPTURE_SMALL)
		return ship_record(s, SONDE_CAPTURE_SMALL, true);
	bpf_loop(SONDE_RECORDS_PER_CALL, ship_more, s, 0);
	return s->shipped;
}
