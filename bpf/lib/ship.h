/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Shipping: from the user's buffers into data records. What lies in one buffer and is not long goes
 * straight into a record. The rest is put together on a bench first. A loop is walked by the
 * verifier as often as it can turn, and the helper for loops came with 5.17 (where not every
 * verifier walks it cheaply): so the body of a loop is a global function, which is walked once and
 * apart. Such a function takes numbers only; what it works on stands on the bench.
 */
#pragma once

#include "bpf/lib/records.h"

/* Twice the largest record: the verifier sees where a piece goes and its length apart. */
struct bench {
	struct cursor cursor;
	__u32 wanted; /* bytes of the call still to be captured */
	__u32 bytes;  /* and still to be told */
	__u32 filled; /* of this record */
	__u32 shipped;
	__u32 records;
	__u32 fault;
	__u32 lost;
	__u32 tail; /* of the call's last bytes, wanted behind all that */
	__u32 skip; /* what lies between, to be passed over */
	__u32 pad;
	__u64 record[(sizeof(struct sonde_data_record) + 2 * SONDE_CAPTURE_LARGE) / 8];
};

/* Two elements for each CPU, one for each direction: written and read within one run of one
 * program, which a kernel never begins again on a CPU before it has ended there, nor another one
 * that uses it (preempt.h).
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct bench);
} benches SEC(".maps");

static __always_inline struct bench *workbench(__u32 direction)
{
	return bpf_map_lookup_elem(&benches, &direction);
}

static __always_inline struct sonde_data_record *record_of(struct bench *bench)
{
	return (struct sonde_data_record *)bench->record;
}

/* Steps on to the next of several messages; false: there is none. */
static __always_inline bool next_message(struct cursor *cursor)
{
	if (!cursor->messages || walk_message(cursor, cursor->message))
		return false;
	cursor->of_message = length_of_message(cursor->message);
	cursor->message += sizeof(struct user_mmsghdr);
	cursor->messages--;
	return true;
}

/* Steps on to the next buffer; it may be empty. False: there is none, or it cannot be read. */
static __always_inline bool next_buffer(struct cursor *cursor)
{
	struct user_iovec iov;

	if (cursor->message && !cursor->of_message)
		return next_message(cursor);
	if (!cursor->left || read_iovec(&iov, cursor->iov))
		return false;
	cursor->iov += sizeof(iov);
	cursor->left--;
	cursor->base = iov.base;
	cursor->length = iov.length;
	if (cursor->message) {
		if (cursor->length > cursor->of_message)
			cursor->length = cursor->of_message;
		cursor->of_message -= cursor->length;
	}
	return true;
}

/* Puts one piece on the bench. Returns 1 when the record is full, or nothing more is to be had. */
__noinline int put_piece_on_bench(__u32 direction)
{
	struct bench *bench = workbench(direction);
	__u64 piece, filled;

	if (!bench)
		return 1;
	if (!bench->cursor.length && !next_buffer(&bench->cursor)) {
		bench->fault = true;
		return 1;
	}
	filled = bench->filled;
	piece = bench->wanted < SONDE_CAPTURE_LARGE ? bench->wanted : SONDE_CAPTURE_LARGE;
	piece -= filled;
	if (piece > bench->cursor.length)
		piece = bench->cursor.length;
	barrier_var(piece);
	barrier_var(filled);
	if (piece > SONDE_CAPTURE_LARGE || filled > SONDE_CAPTURE_LARGE)
		return 1;
	if (bpf_probe_read_user(record_of(bench)->payload + filled, piece,
				(void *)bench->cursor.base)) {
		bench->fault = true;
		return 1;
	}
	bench->cursor.base += piece;
	bench->cursor.length -= piece;
	filled += piece;
	bench->filled = filled;
	return filled >= bench->wanted || filled >= SONDE_CAPTURE_LARGE;
}

/* Puts one record together and sends it. Returns 1 when it was the last. */
__noinline int ship_from_bench(__u32 direction)
{
	struct sonde_control *board = switchboard();
	struct bench *bench = workbench(direction);
	struct sonde_data_record *record;
	__u64 filled;
	bool last;

	if (!bench || !board)
		return 1;
	bench->filled = 0;
	for (int i = 0; i < SONDE_SEGMENTS_PER_RECORD; i++)
		if (put_piece_on_bench(direction))
			break;
	filled = bench->filled;
	last = bench->fault || filled == bench->wanted ||
	       bench->records == SONDE_RECORDS_PER_CALL - 1;
	record = record_of(bench);
	record->captured = filled;
	/* The last record of the call stands for all that is left of it. */
	record->bytes = last ? bench->bytes : filled;
	if (bench->fault)
		record->header.flags |= SONDE_FLAG_UNREADABLE;
	barrier_var(filled);
	if (filled > SONDE_CAPTURE_LARGE)
		return 1;
	record->header.size = sizeof(*record) + filled;
	if (bpf_ringbuf_output(&events, record, sizeof(*record) + filled, wake_flags(board))) {
		bench->lost = true;
		return 1;
	}
	record->header.flags = 0;
	record->position += filled;
	bench->shipped += filled;
	bench->wanted -= filled;
	bench->bytes -= filled;
	bench->records++;
	return last;
}

/* Passes over what of one buffer is not wanted. Returns 1 when that is all, or there is no more. */
__noinline int skip_piece_on_bench(__u32 direction)
{
	struct bench *bench = workbench(direction);
	__u64 piece;

	if (!bench || (!bench->cursor.length && !next_buffer(&bench->cursor)))
		return 1;
	piece = bench->skip < bench->cursor.length ? bench->skip : bench->cursor.length;
	bench->cursor.base += piece;
	bench->cursor.length -= piece;
	bench->skip -= piece;
	return !bench->skip;
}

/* Turns to the call's last bytes: a record of them is next. */
__noinline int turn_bench_to_tail(__u32 direction)
{
	struct bench *bench = workbench(direction);

	if (!bench)
		return 1;
	bench->skip = bench->bytes;
	record_of(bench)->position += bench->skip;
	bench->wanted = bench->bytes = bench->tail;
	for (int i = 0; i < SONDE_SEGMENTS_PER_RECORD; i++)
		if (skip_piece_on_bench(direction))
			break;
	if (bench->skip)
		bench->cursor.left = bench->cursor.messages = 0; /* there is nothing to be had */
	return 0;
}

static __always_inline __u32 ship_by_bench(struct shipment *s)
{
	struct bench *bench = workbench(s->direction);

	if (!bench)
		return 0;
	bench->cursor = s->cursor;
	bench->tail = s->tail;
	bench->bytes = s->bytes - s->tail;
	bench->wanted = s->wanted < bench->bytes ? s->wanted : bench->bytes;
	bench->shipped = bench->records = bench->fault = bench->lost = 0;
	fill_data(record_of(bench), s, 0, 0, 0);
	for (int i = 0; i < SONDE_RECORDS_PER_CALL; i++)
		if (ship_from_bench(s->direction))
			break;
	if (bench->tail && !bench->fault && !bench->lost) {
		turn_bench_to_tail(s->direction);
		ship_from_bench(s->direction);
	}
	s->count->of[SONDE_COUNT_records_sent] += bench->records;
	s->count->of[SONDE_COUNT_bytes_shipped] += bench->shipped;
	s->fault = bench->fault;
	if (bench->lost) {
		s->lost = true;
		lose_record(s->conn, s->count);
	}
	return bench->shipped;
}

/* One record with the first bytes of the current buffer, all that are wanted. */
static __always_inline __u32 ship_buffer(struct shipment *s, const __u32 cap)
{
	struct sonde_data_record *record = bpf_ringbuf_reserve(&events, sizeof(*record) + cap, 0);
	__u32 wanted = s->wanted;

	if (!record) {
		lose_record(s->conn, s->count);
		s->lost = true;
		return 0;
	}
	barrier_var(wanted);
	if (wanted > cap)
		wanted = cap;
	if (bpf_probe_read_user(record->payload, wanted, (void *)s->cursor.base)) {
		s->fault = true;
		wanted = 0;
	}
	fill_data(record, s, sizeof(*record) + cap, s->bytes, wanted);
	bpf_ringbuf_submit(record, wake_flags(s->board));
	s->count->of[SONDE_COUNT_records_sent]++;
	s->count->of[SONDE_COUNT_bytes_shipped] += wanted;
	return wanted;
}

static __always_inline __u32 ship(struct shipment *s)
{
	/* Most calls have all of it in one buffer, be it the first of several. */
	if (!s->cursor.length)
		next_buffer(&s->cursor);
	if (s->tail || s->cursor.length < s->wanted || s->wanted > SONDE_CAPTURE_MEDIUM)
		return ship_by_bench(s);
	if (s->wanted <= SONDE_CAPTURE_SMALL)
		return ship_buffer(s, SONDE_CAPTURE_SMALL);
	return ship_buffer(s, SONDE_CAPTURE_MEDIUM);
}
