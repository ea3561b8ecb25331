/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel side's part of the loss ledger: one list for both compilers, the metrics and the docs.
 *
 * Calls balance:   calls_seen = calls_shipped + calls_counted + calls_off + calls_lost +
 * calls_unreadable Bytes balance:   bytes_seen = bytes_shipped + bytes_cut + bytes_off + bytes_lost
 * + bytes_unreadable Reasons balance: calls_unreadable = the sum of unreadable_* Records balance:
 * records_sent = what user space reads from the ring
 * (runs_missed and states_missed are the kernel's own counts, added by user space. "seen" are calls
 * on watched kinds of sockets that moved at least one byte.)
 */
#pragma once

/* X(name, help) */
#define SONDE_KERNEL_COUNTERS(X)                                                                   \
	X(calls_seen, "socket calls that moved bytes")                                             \
	X(calls_shipped, "calls of which at least one byte was shipped")                           \
	X(calls_counted, "calls whose bytes were counted only, as their policy says")              \
	X(calls_off, "calls of connections or processes that are not watched")                     \
	X(calls_lost, "calls whose record found no room in the ring")                              \
	X(calls_unreadable, "calls whose bytes could not be read; counted, not shipped")           \
	X(bytes_seen, "bytes moved by the calls seen")                                             \
	X(bytes_shipped, "bytes copied into records")                                              \
	X(bytes_cut, "bytes that the policy in force did not want")                                \
	X(bytes_off, "bytes of connections or processes that are not watched")                     \
	X(bytes_lost, "bytes whose record found no room in the ring")                              \
	X(bytes_unreadable, "bytes that could not be read")                                        \
	X(unreadable_file, "sent from a file or pipe (sendfile, splice): there is no user buffer") \
	X(unreadable_many, "several messages in one call (sendmmsg, recvmmsg)")                    \
	X(unreadable_truncated, "dropped by the receiver itself (MSG_TRUNC)")                      \
	X(unreadable_context,                                                                      \
	  "buffers that no system call names (io_uring, kernel threads, 32-bit programs)")         \
	X(unreadable_fault, "the user buffer was not in memory")                                   \
	X(connections_opened, "connections that shipped their first record")                       \
	X(connections_closed, "connections of those that ended")                                   \
	X(connections_untracked, "connections for which there was no state to be had")             \
	X(records_sent, "records put into the ring")                                               \
	X(records_lost, "records that found no room in the ring")                                  \
	X(records_swept, "records told beside the ring: by a sweep, or an end it had no room for") \
	X(tcp_facts_seen, "facts about the health of TCP: connects, failures, samples, resets")    \
	X(tcp_facts_lost, "of them lost for want of room in the table of peers")                   \
	X(tcp_connects_untracked, "connects not measured for want of room")                        \
	X(tcp_connections_unowned,                                                                 \
	  "connections that ended before a process was known to hold them")                        \
	X(runs_missed,                                                                             \
	  "runs of our programs that the kernel skipped, since one was running on that CPU")       \
	X(states_missed, "the same of the program at changes of a connection's state: no calls")   \
	X(execs_unreadable, "execs whose arguments or environment were not in memory")             \
	X(execs_cut, "execs with more environment than their record holds")

enum sonde_kernel_counter {
#define X(name, help) SONDE_COUNT_##name,
	SONDE_KERNEL_COUNTERS(X)
#undef X
	SONDE_COUNTERS
};
