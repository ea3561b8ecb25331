/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sizes that both sides must agree on. */
#pragma once

/* A record holds at most so many captured bytes; a call with more ships several. */
#define SONDE_CAPTURE_SMALL  256
#define SONDE_CAPTURE_MEDIUM 1024
#define SONDE_CAPTURE_LARGE  4096

/* Records per call; what is beyond is cut and counted. 16 of 4 KiB are the 64 KiB of a probe. */
#define SONDE_RECORDS_PER_CALL 16
#define SONDE_CALL_LIMIT       (SONDE_RECORDS_PER_CALL * SONDE_CAPTURE_LARGE)

/* User buffers (iovec entries) per record that we walk: as many as a call may have. */
#define SONDE_SEGMENTS_PER_RECORD 1024

/* Ends of AF_UNIX connections that may be met on several CPUs at once. */
#define SONDE_MAX_UNIX_ENDS 1024

/* Messages in one call: as many as the kernel takes. */
#define SONDE_MESSAGES_PER_CALL 1024

/* Process table, learned endpoints, decisions for single connections, connections where there is no
 * socket storage. */
#define SONDE_MAX_PROCESSES   65536
#define SONDE_MAX_ENDPOINTS   8192
#define SONDE_MAX_DECISIONS   16384
#define SONDE_MAX_CONNECTIONS 65536

/* Ends of AF_UNIX connections, where the others have socket storage. */
#define SONDE_MAX_UNIX 16384

/* Ends of connections that found no room in the ring and wait to be read. */
#define SONDE_MAX_WAITING_ENDS 8192

/* The listening ports known at start. */
#define SONDE_MAX_LISTENERS 4096

/* Pairs of a process and a peer, of which the health of TCP is kept between two readings. */
#define SONDE_MAX_TCP_PEERS 8192
