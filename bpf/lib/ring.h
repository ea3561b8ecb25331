/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Putting records into the ring, and waking its reader as seldom as can be. */
#pragma once

#include "bpf/maps/control.h"
#include "bpf/maps/counters.h"
#include "bpf/maps/events.h"

static __always_inline __u64 wake_flags(struct sonde_control *board)
{
	__u32 state = board->reader_state;

	if (state == SONDE_READER_IDLE ||
	    (state == SONDE_READER_NAPPING &&
	     bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > board->ring_wake_bytes)) {
		board->reader_state = SONDE_READER_AWAKE;
		return BPF_RB_FORCE_WAKEUP;
	}
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void fill_header(struct sonde_record_header *header, __u16 kind, __u32 size,
					__u64 connection, __u64 now)
{
	header->kind = kind;
	header->direction = 0;
	header->flags = 0;
	header->size = size;
	header->connection = connection;
	header->time_ns = now;
}
