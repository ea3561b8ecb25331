/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How stacks are walked: what user space tells of the processes and of their code. User space
 * writes, while programs read: what is replaced is written elsewhere first and used again only
 * when no program can be reading it.
 */
#pragma once

#include "bpf/shared/unwind.h"

/* By the process's id. Preallocated: programs that interrupt may not wait for memory, and kernels
 * before 6.1 refuse them others.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SONDE_MAX_KNOWN_PROCESSES);
	__type(key, __u32);
	__type(value, struct sonde_code_list);
} code_lists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SONDE_MAX_CODES);
	__type(key, __u32);
	__type(value, struct sonde_code);
} codes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SONDE_MAX_RULES);
	__type(key, __u32);
	__type(value, struct sonde_rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SONDE_MAX_LOADED_PAGES);
	__type(key, struct sonde_page_key);
	__type(value, struct sonde_page);
} row_pages SEC(".maps");

/* Stacks go through the same calls again and again. Who comes later takes the place of who was
 * there. User space clears it when it forgets what rows there are: until then those stay as they
 * are.
 */
struct known_rules {
	struct sonde_known_rule of[SONDE_KNOWN_RULES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct known_rules);
} known_rules SEC(".maps");

/* Created by user space as they are needed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SONDE_MAX_CHUNKS);
	__uint(key_size, sizeof(__u32));
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(map_flags, BPF_F_MMAPABLE);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(__u32));
			__uint(value_size, SONDE_CHUNK_SIZE);
		});
} row_chunks SEC(".maps");
