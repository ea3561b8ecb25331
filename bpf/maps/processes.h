/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who is watched. Key: process id as the initial namespace counts. Value: enum
 * sonde_process_verdict and a restraint. Written by user space (its decision) and by the fork hook
 * (a child begins with its parent's); deleted by the hooks of exec and exit. Least recently used go
 * first: a forgotten process is decided anew. Sized for a large host: an entry is 64 B.
 */
#pragma once

#include "bpf/maps/control.h"
#include "bpf/shared/limits.h"
#include "bpf/shared/policy.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SONDE_MAX_PROCESSES);
	__type(key, __u32);
	__type(value, __u32);
} processes SEC(".maps");

/* Processes that this CPU found excluded: who is not watched should pay next to nothing. Key: the
 * low bits of the process id. Value: the id, and above it (inverted: an empty place is nobody's)
 * the process epoch at which that was true.
 */
#define EXCLUDED_PLACES 16

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EXCLUDED_PLACES);
	__type(key, __u32);
	__type(value, __u64);
} excluded_lately SEC(".maps");

/* Are we told to leave this process alone? */
static __always_inline bool is_excluded_process(struct sonde_control *board, __u32 pid)
{
	__u32 place = pid % EXCLUDED_PLACES, *verdict;
	__u64 *lately = bpf_map_lookup_elem(&excluded_lately, &place);
	/* Before the verdict is read: whoever changes it moves the epoch afterwards. */
	__u64 fact = (__u64) ~*(volatile __u32 *)&board->process_epoch << 32 | pid;

	if (lately && *lately == fact)
		return true;
	if (pid == board->self)
		return true;
	verdict = bpf_map_lookup_elem(&processes, &pid);
	if (!verdict || (*verdict & SONDE_PROCESS_VERDICT) != SONDE_PROCESS_EXCLUDED)
		return false;
	if (lately)
		*lately = fact;
	return true;
}

/* What holds for the process: the stricter of its own and of everybody's. It is asked for by
 * address, for want of stack. */
static __always_inline __u8 restraint_on(const __u32 *pid, const struct sonde_control *board)
{
	__u32 *verdict = bpf_map_lookup_elem(&processes, pid);
	__u32 own = verdict ? *verdict >> SONDE_PROCESS_RESTRAINT_SHIFT : 0;

	return own > board->restraint ? own : board->restraint;
}

static __always_inline void forget_process(__u32 pid)
{
	struct sonde_control *board;

	if (bpf_map_delete_elem(&processes, &pid))
		return;
	board = switchboard();
	if (board)
		__sync_fetch_and_add(&board->process_epoch, 1);
}
