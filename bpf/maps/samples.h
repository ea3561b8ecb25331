/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sampling: where samples are made, where they go, and how they are counted. */
#pragma once

#include "bpf/shared/samples.h"

/* The ring of samples, apart from the ring of records: nobody waits for a sample, so that its
 * reader is never woken and looks by itself. Value: struct sonde_sample, without the frames that
 * are not used, or struct sonde_stack. Full: counted as ring_full. User space sets the size before
 * load: room for a second.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} samples SEC(".maps");

/* One element for each CPU: the sample that is being made. The clock's interrupts do not interrupt
 * each other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_sample);
} sample_bench SEC(".maps");

/* How many stacks were copied since when; each CPU its own. */
struct copying {
	__u64 since_ns;
	__u32 copied;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct copying);
} copyings SEC(".maps");

struct sample_counters {
	__u64 of[SONDE_SAMPLE_COUNTS];
};

/* The ledger of samples, each CPU its own; user space sums them up. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample_counters);
} sample_counters SEC(".maps");

/* Key: process id as the initial namespace counts. Value: how often it is sampled. Written by user
 * space alone, when it meets a process that is not sampled as all others; least recently used go
 * first: such a process is then sampled as all others.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SONDE_MAX_RATES);
	__type(key, __u32);
	__type(value, struct sonde_rate);
} rates SEC(".maps");

/* One element: what is wanted. Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_sampling);
} sampling SEC(".maps");
