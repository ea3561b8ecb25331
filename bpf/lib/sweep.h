/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a sweep does with a connection. User space asks for one while some answer's end is still
 * untold because its connection fell silent; and once a second while there are connections of
 * AF_UNIX, whose ends nobody tells.
 *
 * How a sweep finds the connections differs by where they are kept and what the kernel allows: see
 * bpf/hooks/sweep_*.bpf.c.
 */
#pragma once

#include "bpf/lib/unix.h"

/* A turn that moved since it was last told: makes its record. */
static __always_inline bool is_silent(struct connection *conn, struct sonde_progress_record *record)
{
	if (!conn || !conn->told || conn->policy.mode == SONDE_POLICY_OFF ||
	    conn->turn_bytes == conn->told_bytes)
		return false;
	fill_header(&record->header, SONDE_RECORD_PROGRESS, sizeof(*record), conn->id,
		    bpf_ktime_get_ns());
	record->header.direction = conn->direction & 1;
	fill_state(&record->state, conn, conn->direction);
	record->position =
		conn->direction == SONDE_IN ? conn->position[SONDE_IN] : conn->position[SONDE_OUT];
	record->turn_bytes = conn->turn_bytes;
	record->turn_last_ns = conn->turn_last_ns;
	return true;
}

/* Into an iterator's file: there is room for it even if there is none in the ring. */
static __always_inline int tell_silent(struct seq_file *file, struct connection *conn)
{
	struct sonde_progress_record record = {};
	struct counters *count = ledger();

	if (!count || !is_silent(conn, &record) || bpf_seq_write(file, &record, sizeof(record)))
		return 0;
	conn->told_bytes = conn->turn_bytes;
	count->of[SONDE_COUNT_records_swept]++;
	return 0;
}

/* Into the ring. No room: the next sweep finds it again. */
static __always_inline int send_silent(struct connection *conn)
{
	struct sonde_progress_record record = {};
	struct sonde_control *board = switchboard();
	struct counters *count = ledger();

	if (!count || !board || !is_silent(conn, &record) ||
	    bpf_ringbuf_output(&events, &record, sizeof(record), wake_flags(board)))
		return 0;
	conn->told_bytes = conn->turn_bytes;
	count->of[SONDE_COUNT_records_sent]++;
	return 0;
}

/* A connection of AF_UNIX whose socket is gone is over: told into the ring, behind the last bytes
 * it moved. Returns whether it lives.
 */
static __always_inline bool outlives_sweep(__u64 address, struct connection *conn)
{
	struct sonde_control *board = switchboard();
	struct connection *maker;

	if (!board || !conn->is_unix)
		return false;
	if (!conn->inode) {
		maker = unix_state_at(conn->peer);
		if (!maker || maker->id != conn->peer_id)
			drop_unix(board, address);
		return false;
	}
	if (conn->inode == inode_at(address))
		return true;
	close_unix(address, 0);
	return false;
}
