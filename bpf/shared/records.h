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

/* Changes when what was written before would be misread; a tape says which it was written with. */
#define SONDE_RECORD_VERSION 2

enum sonde_record_kind {
	SONDE_RECORD_OPEN = 1, /* a connection is about to ship its first record: who and where */
	SONDE_RECORD_DATA = 2, /* bytes of a turn */
	SONDE_RECORD_PROGRESS = 3, /* no bytes: where a turn stands that has moved since its last
				      record (see the sweep) */
	SONDE_RECORD_CLOSE = 4,	   /* the socket is gone: the last turn's totals */
	SONDE_RECORD_PROCESS =
		5, /* a process began (fork), became another program (exec), or ended (exit) */
	SONDE_RECORD_EXEC = 6, /* the same of an exec, with the words of the new program */
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

/* The turn that begins here is not read but counted: Sonde restrains itself (bpf/shared/policy.h).
 * (data, with NEW_TURN) */
#define SONDE_FLAG_UNREAD 0x40

/* There was more environment than the record holds. (exec) */
#define SONDE_FLAG_CUT 0x20

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

#define SONDE_FAMILY_UNIX 1 /* AF_UNIX; of the others the family is 4 or 6 */
#define SONDE_UNIX_NAME	  108

/* Addresses are in network order, IPv4 in the first four bytes (v4-mapped ones too); ports in host
 * order. Of AF_UNIX: the address of the end that was listened on holds a digest of its name (equal
 * names, equal bytes), both do if it is not known which end that is; there are no ports and no
 * sequence numbers.
 */
struct sonde_open_record {
	struct sonde_record_header header;
	sonde_u8 local_address[16];
	sonde_u8 remote_address[16];
	sonde_u16 local_port;
	sonde_u16 remote_port;
	sonde_u8 role;	     /* enum sonde_role */
	sonde_u8 family;     /* 4, 6, SONDE_FAMILY_UNIX */
	sonde_u8 name_bytes; /* of the name that follows; AF_UNIX only */
	sonde_u8 pad;
	sonde_u32 pid; /* who moves the first bytes */
	sonde_u32 tid;
	sonde_u32 sequence_in; /* initial sequence numbers: (in, out) of one end is (out, in) of the
				  other */
	sonde_u32 sequence_out;
	sonde_u32 network_namespace; /* inode number */
	sonde_u32 pad2;
	sonde_u64 position_in; /* where the streams stood when we first saw the connection */
	sonde_u64 position_out;
	sonde_u64 opened_ns; /* when it was established; 0 if that was not seen */
	sonde_u64 peer;	     /* AF_UNIX: the connection number of the other end; 0: not known */
	/* The name that was listened on, as it was bound: a path, or a zero byte and an abstract
	 * name. header.size may be larger, the rest is padding. */
	sonde_u8 name[];
};
SONDE_ASSERT_SIZE(struct sonde_open_record, 120);

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
	sonde_u32 parent; /* fork: who forked; exec: whose child it is */
	sonde_u32 change; /* enum sonde_process_change */
	sonde_u32 uid;
	sonde_u64 cgroup;
	char name[16];
};
SONDE_ASSERT_SIZE(struct sonde_process_record, 64);

#define SONDE_EXEC_PATH	       256
#define SONDE_EXEC_FILE	       64
#define SONDE_EXEC_ARGUMENTS   1024
#define SONDE_EXEC_ENVIRONMENT 2672

/* An exec told whole, since the process may be gone before anybody can read of it: what it was
 * started as and with. Texts end with a zero byte or with their field; what lies behind their end
 * or length means nothing. Arguments and environment may hold secrets.
 */
struct sonde_exec_record {
	struct sonde_process_record process; /* kind SONDE_RECORD_EXEC, change SONDE_PROCESS_EXEC */
	sonde_u32 arguments_bytes;   /* words, each with a zero byte behind it; may be cut */
	sonde_u32 environment_bytes; /* likewise */
	sonde_u32 pad[2];
	char path[SONDE_EXEC_PATH]; /* of the executable as it was asked for: may be a link */
	char file[SONDE_EXEC_FILE]; /* its file's own name */
	char arguments[SONDE_EXEC_ARGUMENTS];
	char environment[SONDE_EXEC_ENVIRONMENT];
};
SONDE_ASSERT_SIZE(struct sonde_exec_record, 4096);
