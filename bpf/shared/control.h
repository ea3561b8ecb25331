/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The switchboard between the two sides: one page that both map. */
#pragma once

#include "bpf/shared/records.h"

/* What the reader of the ring is doing, so that it is woken seldom: it says so before it sleeps. */
enum sonde_reader_state {
	SONDE_READER_AWAKE = 0,	  /* it will look by itself */
	SONDE_READER_IDLE = 1,	  /* wake it at the first record */
	SONDE_READER_NAPPING = 2, /* it batches: wake it only when the ring fills */
};

/* As only_port: no connection has it. (One of AF_UNIX has port 0.) */
#define SONDE_NO_PORT 0x10000

struct sonde_control {
	sonde_u32 reader_state; /* enum sonde_reader_state; the kernel side sets AWAKE when it wakes
				   it */
	sonde_u32 policy_epoch; /* moves when a decision was written that a decided connection must
				   look up */
	sonde_u32 self; /* our own process as the kernel side sees it: never watched. 0 during the
			   self-test */
	sonde_u32 ring_wake_bytes; /* fill level at which a napping reader is woken */
	sonde_u32
		only_port; /* until start: connections without this port wait; 0: all are watched */
	sonde_u32 unix_connections; /* how many AF_UNIX ends the kernel side has state of */
	sonde_u32 only_unix[2];	 /* likewise of AF_UNIX: but for these two sockets (inode numbers)
				    they wait; 0: none */
	sonde_u32 process_epoch; /* moves when what is decided about a process has changed; both
				    sides move it */
	sonde_u32 tcp_health;	 /* 1: the health of TCP is watched */
	sonde_u32 waiting_ends;	 /* ends of connections that wait outside the ring to be read; user
				    space takes off what it read */
	sonde_u32 restraint;	 /* enum sonde_restraint: on all; moves the policy epoch */
};
SONDE_ASSERT_SIZE(struct sonde_control, 48);
