/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The binary contract between the kernel side and user space: what stands in the ring buffer, and
 * on a tape. Plain C for two compilers; sizes are asserted, every byte is named, all integers are
 * in the machine's order.
 *
 * A record is a header, the fields of its kind, and for data the captured bytes. A *turn* is a run
 * of bytes in one direction of one connection; it ends when the direction flips or the connection
 * closes. The end of a turn is told by the next record of that connection: each carries the totals
 * of the turn before.
 */
#pragma once

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t sonde_u8;
typedef uint16_t sonde_u16;
typedef uint32_t sonde_u32;
typedef uint64_t sonde_u64;
#else
typedef unsigned char sonde_u8;
typedef unsigned short sonde_u16;
typedef unsigned int sonde_u32;
typedef unsigned long long sonde_u64;
#endif

#ifdef __cplusplus
#define SONDE_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
#else
#define SONDE_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

/* Changes with any change of this file; a tape says which it was written with. */
#define SONDE_RECORD_VERSION 1

enum sonde_record_kind {
	SONDE_RECORD_OPEN = 1, /* a connection is about to ship its first record: who and where */
	SONDE_RECORD_DATA = 2, /* bytes of a turn */
	SONDE_RECORD_PROGRESS = 3, /* no bytes: where a turn stands that has moved since its last
				      record (see the sweep) */
	SONDE_RECORD_CLOSE = 4,	   /* the socket is gone: the last turn's totals */
	SONDE_RECORD_PROCESS =
		5, /* a process began (fork), became another program (exec), or ended (exit) */
};

/* Direction as the socket's owner sees it. */
enum sonde_direction {
	SONDE_IN = 0,  /* received */
	SONDE_OUT = 1, /* sent */
};

enum sonde_role {
	SONDE_ROLE_UNKNOWN = 0,
	SONDE_ROLE_CLIENT = 1, /* it connected */
	SONDE_ROLE_SERVER = 2, /* it accepted */
};

/* Every record begins so. size is that of the whole record, payload included. */
struct sonde_record_header {
	sonde_u16 kind;
	sonde_u8 direction; /* data and progress; else 0 */
	sonde_u8 flags;	    /* SONDE_FLAG_* */
	sonde_u32 size;
	sonde_u64 connection; /* drawn by the kernel side, unique while the host is up; 0 in process
				 records */
	sonde_u64 time_ns;    /* CLOCK_MONOTONIC, when the call returned */
};
SONDE_ASSERT_SIZE(struct sonde_record_header, 24);

/* The first record of a new turn: last_turn_* below are those of the turn that just ended. */
#define SONDE_FLAG_NEW_TURN 0x01
/* The connection was open before we saw it, or its first bytes were not told (lost, or moved
 * unseen): its positions do not start at zero. (open) */
#define SONDE_FLAG_MIDWAY 0x02
/* The peer reset the connection. (close) */
#define SONDE_FLAG_RESET 0x04
/* The connection failed by a time-out. (close) */
#define SONDE_FLAG_TIMEOUT 0x08
/* Bytes of this record's range were there but could not be read: sent from a file, say. (data) */
#define SONDE_FLAG_UNREADABLE 0x10

/* What every record of a connection tells beside its own matter. */
struct sonde_turn_state {
	sonde_u64 other_position;   /* where the other direction's stream stood at that moment */
	sonde_u64 last_turn_bytes;  /* true length of the turn before this one */
	sonde_u64 last_turn_end_ns; /* when its last byte moved */
	sonde_u32 turn;		    /* number of this turn, from 1 */
	sonde_u32 lost_records;	    /* records of this connection that found no room, so far */
};
SONDE_ASSERT_SIZE(struct sonde_turn_state, 32);

struct sonde_data_record {
	struct sonde_record_header header;
	struct sonde_turn_state state;
	sonde_u64 position; /* where in its direction's stream the range of this record begins */
	sonde_u32
		bytes; /* length of the range: what the call moved, or this record's share of it */
	sonde_u32 captured; /* how many of its first bytes follow */
	sonde_u32 pid;
	sonde_u32 tid;
	sonde_u8 payload[]; /* captured bytes; header.size may be larger, the rest is padding */
};
SONDE_ASSERT_SIZE(struct sonde_data_record, 80);

/* The state of the running turn: its total so far and when it last moved. */
struct sonde_progress_record {
	struct sonde_record_header header;
	struct sonde_turn_state state;
	sonde_u64 position;	/* end of the direction's stream so far */
	sonde_u64 turn_bytes;	/* true length of the turn so far */
	sonde_u64 turn_last_ns; /* when its last byte so far moved */
};
SONDE_ASSERT_SIZE(struct sonde_progress_record, 80);

/* Addresses are in network order, IPv4 in the first four bytes (v4-mapped ones too); ports in host
 * order. */
struct sonde_open_record {
	struct sonde_record_header header;
	sonde_u8 local_address[16];
	sonde_u8 remote_address[16];
	sonde_u16 local_port;
	sonde_u16 remote_port;
	sonde_u8 role;	 /* enum sonde_role */
	sonde_u8 family; /* 4 or 6 */
	sonde_u8 pad[2];
	sonde_u32 pid; /* who moves the first bytes */
	sonde_u32 tid;
	sonde_u32 sequence_in; /* initial sequence numbers: (in, out) of one end is (out, in) of the
				  other */
	sonde_u32 sequence_out;
	sonde_u32 network_namespace; /* inode number */
	sonde_u32 pad2;
	sonde_u64 position_in; /* where the streams stood when we first saw the connection */
	sonde_u64 position_out;
	sonde_u64 opened_ns; /* when it was established; 0 if that was before our time */
};
SONDE_ASSERT_SIZE(struct sonde_open_record, 112);

struct sonde_close_record {
	struct sonde_record_header header;
	struct sonde_turn_state state; /* last_turn_* are those of the last turn */
	sonde_u64 position_in;
	sonde_u64 position_out;
};
SONDE_ASSERT_SIZE(struct sonde_close_record, 72);

enum sonde_process_change {
	SONDE_PROCESS_FORK = 1,
	SONDE_PROCESS_EXEC = 2,
	SONDE_PROCESS_EXIT = 3,
};

struct sonde_process_record {
	struct sonde_record_header header;
	sonde_u32 pid;
	sonde_u32 parent; /* fork: who forked */
	sonde_u32 change; /* enum sonde_process_change */
	sonde_u32 uid;
	sonde_u64 cgroup;
	char name[16];
};
SONDE_ASSERT_SIZE(struct sonde_process_record, 64);
