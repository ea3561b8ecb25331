/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The records of a connection: open, data, progress, close. Each function sends one and keeps the
 * ledger true. */
#pragma once

#include "bpf/lib/calls.h"
#include "bpf/lib/ring.h"
#include "bpf/lib/unix_socket.h"
#include "bpf/maps/waiting_ends.h"

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

/* Who the two ends are. room: of the name. */
static __always_inline void fill_ends(struct sonde_open_record *record, struct sock *sk,
				      const struct connection *conn, const __u32 room)
{
	if (room) {
		__builtin_memset(record->name, 0, room);
		record->family = SONDE_FAMILY_UNIX;
		if (conn->role != SONDE_ROLE_CLIENT)
			*(__u64 *)record->local_address = conn->name;
		if (conn->role != SONDE_ROLE_SERVER)
			*(__u64 *)record->remote_address = conn->name;
		record->name_bytes = read_unix_name(sk, conn->role, record->name);
		record->peer = conn->peer_id;
		return;
	}
	record->family = addresses_of(sk, record->local_address, record->remote_address);
	record->local_port = conn->local_port;
	record->remote_port = conn->remote_port;
	record->sequence_in = conn->base[SONDE_IN];
	record->sequence_out = conn->base[SONDE_OUT];
}

/* before: how many of the bytes just moved in this direction are not yet told; the streams stood
 * there before them. room: for the name of an AF_UNIX socket, else 0. */
static __always_inline bool send_open(struct sock *sk, struct connection *conn,
				      struct counters *count, struct sonde_control *board,
				      __u64 who, __u64 now, __u8 direction, __u32 before,
				      const __u32 room)
{
	struct sonde_open_record *record = bpf_ringbuf_reserve(&events, sizeof(*record) + room, 0);

	if (!record) {
		lose_record(conn, count);
		return false;
	}
	__builtin_memset(record, 0, sizeof(*record));
	fill_header(&record->header, SONDE_RECORD_OPEN, sizeof(*record) + room, conn->id, now);
	fill_ends(record, sk, conn, room);
	record->role = conn->role;
	record->pid = who >> 32;
	record->tid = (__u32)who;
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

/* The ring has no room for it: it waits outside until user space has read what is before it. */
static __always_inline bool put_aside(const struct sonde_close_record *record,
				      struct sonde_control *board)
{
	__u64 id = record->header.connection;

	if (bpf_map_update_elem(&waiting_ends, &id, record, BPF_NOEXIST))
		return false;
	__sync_fetch_and_add(&board->waiting_ends, 1);
	return true;
}

static __always_inline void send_close(struct connection *conn, struct counters *count,
				       struct sonde_control *board, __u64 now)
{
	struct sonde_close_record record = {};

	fill_header(&record.header, SONDE_RECORD_CLOSE, sizeof(record), conn->id, now);
	record.header.flags = conn->ending;
	fill_state(&record.state, conn, conn->direction);
	record.state.last_turn_bytes = conn->turn_bytes;
	record.state.last_turn_end_ns = conn->turn_last_ns;
	record.state.other_position = 0;
	record.position_in = conn->position[SONDE_IN];
	record.position_out = conn->position[SONDE_OUT];
	if (!bpf_ringbuf_output(&events, &record, sizeof(record), wake_flags(board))) {
		count->of[SONDE_COUNT_records_sent]++;
	} else if (put_aside(&record, board)) {
		count->of[SONDE_COUNT_records_swept]++;
	} else {
		lose_record(conn, count);
		return;
	}
	count->of[SONDE_COUNT_connections_closed]++;
}

/* What ship() works on: one call's bytes on their way into records. */
struct shipment {
	struct cursor cursor;
	const struct call *call; /* what the door knows of it, if anything */
	struct connection *conn;
	struct counters *count;
	struct sonde_control *board;
	__u64 now;
	__u64 who;
	__u64 position; /* of the next record */
	__u64 other_position;
	__u32 bytes;  /* of the call, not yet told */
	__u32 wanted; /* of them, to be captured */
	__u32 tail;   /* and of the last ones */
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
