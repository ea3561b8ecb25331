/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who is watched. Key: process id as the initial namespace counts. Value: enum
 * sonde_process_verdict. Written by user space (its decision) and by the fork hook (a child begins
 * with its parent's); deleted by the hooks of exec and exit. Least recently used go first: a
 * forgotten process is decided anew. Sized for a large host: an entry is 64 B.
 */
#pragma once

#include "bpf/shared/limits.h"
#include "bpf/shared/policy.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SONDE_MAX_PROCESSES);
	__type(key, __u32);
	__type(value, __u32);
} processes SEC(".maps");
