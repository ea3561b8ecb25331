/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sizes that both sides must agree on. */
#pragma once

/* A record holds at most so many captured bytes; a call with more ships several. */
#define SONDE_CAPTURE_SMALL  256
#define SONDE_CAPTURE_MEDIUM 1024
#define SONDE_CAPTURE_LARGE  4096

/* Records per call; what is beyond is cut and counted. 16 of 4 KiB are the 64 KiB of a probe. */
#define SONDE_RECORDS_PER_CALL 16

/* User buffers (iovec entries) per record that we walk: as many as a call may have. */
#define SONDE_SEGMENTS_PER_RECORD 1024

/* Process table, learned endpoints, decisions for single connections, connections where there is no
 * socket storage. */
#define SONDE_MAX_PROCESSES   65536
#define SONDE_MAX_ENDPOINTS   8192
#define SONDE_MAX_DECISIONS   16384
#define SONDE_MAX_CONNECTIONS 65536

/* The listening ports known at start. */
#define SONDE_MAX_LISTENERS 4096
