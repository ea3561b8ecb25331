/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The health of TCP, peer by peer: what the kernel side sums up and user space reads. Everything
 * here only grows, until user space takes the entry out; 32-bit counts wrap around.
 */
#pragma once

#include "bpf/shared/records.h"

/* Upper bounds of the buckets, in microseconds. Round-trip times use the first of them. */
#define SONDE_TCP_BOUNDS(X) \
	X(500)              \
	X(1000)             \
	X(2000)             \
	X(5000)             \
	X(10000)            \
	X(25000)            \
	X(50000)            \
	X(100000)           \
	X(250000)           \
	X(500000)           \
	X(1000000)          \
	X(2500000)          \
	X(5000000)          \
	X(10000000)

#define SONDE_TCP_CONNECT_BUCKETS 15 /* one more than there are bounds */
#define SONDE_TCP_RTT_BUCKETS	  12 /* to a second, and the rest */

/* Why a connect failed. X(name) */
#define SONDE_TCP_FAILURES(X)                                                             \
	X(refused)     /* the peer said no: a reset, or the port is unreachable */        \
	X(timeout)     /* no answer to any SYN */                                         \
	X(unreachable) /* a router, or our own neighbour table, said so */                \
	X(reset)                                                                          \
	X(aborted) /* the program gave up before an answer came: its own time-out, say */ \
	X(other)

enum sonde_tcp_failure {
#define X(name) SONDE_TCP_FAILURE_##name,
	SONDE_TCP_FAILURES(X)
#undef X
	SONDE_TCP_FAILURE_KINDS
};

struct sonde_tcp_peer {
	sonde_u8 address[16]; /* the other end; IPv4 in the first four bytes */
	sonde_u32 pid;
	sonde_u16
		port;  /* where the server listens: the peer's of a client, one's own of a server */
	sonde_u8 role; /* enum sonde_role, of the process */
	sonde_u8 family; /* 4 or 6 */
};
SONDE_ASSERT_SIZE(struct sonde_tcp_peer, 24);

struct sonde_tcp_health {
	sonde_u64 connect_us;			       /* sum of the times below */
	sonde_u64 rtt_us;			       /* sum of the times below */
	sonde_u32 connects[SONDE_TCP_CONNECT_BUCKETS]; /* first SYN to ESTABLISHED */
	sonde_u32 rtts[SONDE_TCP_RTT_BUCKETS];	       /* smoothed round-trip times as sampled */
	sonde_u32 failures[SONDE_TCP_FAILURE_KINDS];   /* connects that failed */
	sonde_u32 resets[2];   /* of established connections, by enum sonde_direction */
	sonde_u32 retransmits; /* segments */
};
SONDE_ASSERT_SIZE(struct sonde_tcp_health, 160);
