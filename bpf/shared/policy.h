/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Policies: how many bytes of each turn are worth shipping. User space writes them, the kernel side
 * obeys. */
#pragma once

#include "bpf/shared/records.h"

enum sonde_policy_mode {
	SONDE_POLICY_PROBE = 0, /* undecided: everything, to SONDE_PROBE_LIMIT bytes a direction;
				   then the first SONDE_PROBE_HEAD bytes of each turn */
	SONDE_POLICY_HEAD = 1,	/* the first head[direction] bytes of each turn */
	SONDE_POLICY_FULL = 2,	/* everything, to SONDE_FULL_LIMIT bytes a turn and what records a
				   call may have; of what is beyond the first and the last
				   SONDE_EDGE bytes of each call */
	SONDE_POLICY_COUNT = 3, /* no bytes; turns stay exact */
	SONDE_POLICY_OFF = 4,	/* nothing at all */
};

#define SONDE_PROBE_LIMIT (64 * 1024)
#define SONDE_PROBE_HEAD  4096
#define SONDE_FULL_LIMIT  (1024 * 1024)
#define SONDE_EDGE	  256

struct sonde_policy {
	sonde_u32 mode;	   /* enum sonde_policy_mode */
	sonde_u32 head[2]; /* by enum sonde_direction */
	/* Under HEAD: a turn longer than this makes the next one ship as under FULL, since it may
	 * be the answer to several messages. 0: never. */
	sonde_u32 burst;
};
SONDE_ASSERT_SIZE(struct sonde_policy, 16);

/* What Sonde holds itself to when it costs too much, of everybody or of one process: whatever the
 * policies ask for, no more than this. Turns stay exact under each. Taken over when a turn begins.
 */
enum sonde_restraint {
	SONDE_RESTRAINT_NONE = 0,
	SONDE_RESTRAINT_HEADS = 1, /* nothing whole: of each turn SONDE_PROBE_HEAD bytes at most,
				      or what its head policy says */
	SONDE_RESTRAINT_COUNT = 2, /* no bytes (SONDE_FLAG_UNREAD), but a look at new connections:
				      while undecided, so many of their first turns */
};

#define SONDE_LOOK_TURNS 4
#define SONDE_LOOK_BYTES 256

/* Where new connections look for the policy learned from earlier ones: a server by its own port, a
 * client by the peer's address and port; both ends of AF_UNIX by the digest of the name listened
 * on, in place of the address. */
struct sonde_endpoint {
	sonde_u8 address[16]; /* all zero for a server, unless it is of AF_UNIX */
	sonde_u32 network_namespace;
	sonde_u16 port;
	sonde_u8 role; /* enum sonde_role */
	sonde_u8 family;
};
SONDE_ASSERT_SIZE(struct sonde_endpoint, 24);

/* What user space decided about a process; absent: not decided yet. Above it stands the restraint
 * on this process. */
enum sonde_process_verdict {
	SONDE_PROCESS_WATCHED = 1,
	SONDE_PROCESS_EXCLUDED = 2,
};

#define SONDE_PROCESS_VERDICT	      0xff
#define SONDE_PROCESS_RESTRAINT_SHIFT 8
