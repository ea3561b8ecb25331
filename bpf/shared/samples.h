/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Samples of what the CPUs run: what stands in the ring of samples, and how they are counted. */
#pragma once

#include "bpf/shared/records.h"

/* As deep as the kernel walks unless it is told otherwise (kernel.perf_event_max_stack). */
#define SONDE_SAMPLE_FRAMES 127

/* There were more frames than were taken. */
#define SONDE_SAMPLE_KERNEL_CUT 0x01
#define SONDE_SAMPLE_USER_CUT	0x02
/* The kernel could not walk it just then. */
#define SONDE_SAMPLE_KERNEL_UNREADABLE 0x04
#define SONDE_SAMPLE_USER_UNREADABLE   0x08

/* Innermost frames first: those of the kernel, then those of the program. The first of each is
 * where it stood, the others are where it returns to. A record ends with its last frame.
 */
struct sonde_sample {
	sonde_u64 time_ns;    /* CLOCK_MONOTONIC */
	sonde_u64 cgroup;     /* of the unified hierarchy */
	sonde_u64 started_ns; /* when the process began, CLOCK_BOOTTIME */
	sonde_u64 image;      /* moves with each exec of the process */
	sonde_u32 pid;
	sonde_u32 tid;
	sonde_u32 cpu;
	sonde_u32 flags; /* SONDE_SAMPLE_* */
	sonde_u32 kernel_frames;
	sonde_u32 user_frames;
	char name[16]; /* of the thread */
	sonde_u64 frames[2 * SONDE_SAMPLE_FRAMES];
};
SONDE_ASSERT_SIZE(struct sonde_sample, 72 + 16 * SONDE_SAMPLE_FRAMES);

#define SONDE_SAMPLE_HEAD 72 /* bytes before the frames */

/* fired = idle + elsewhere + taken; taken = delivered + ring_full. X(name, help) */
#define SONDE_SAMPLE_COUNTERS(X)                                               \
	X(fired, "times a CPU's clock rang")                                   \
	X(idle, "of them while the CPU had nothing to do")                     \
	X(elsewhere, "of them in a process that was not asked for")            \
	X(taken, "samples taken")                                              \
	X(delivered, "of them put into the ring")                              \
	X(ring_full, "of them lost for want of room in the ring")              \
	X(kernel_cut, "samples whose kernel stack is deeper than it is told")  \
	X(user_cut, "samples whose user stack is deeper than it is told")      \
	X(kernel_unreadable, "samples whose kernel stack could not be walked") \
	X(user_unreadable, "samples whose user stack could not be walked")

enum sonde_sample_counter {
#define X(name, help) SONDE_SAMPLES_##name,
	SONDE_SAMPLE_COUNTERS(X)
#undef X
	SONDE_SAMPLE_COUNTS
};

/* What is sampled: written by user space at any time. */
struct sonde_sampling {
	sonde_u32 only_pid; /* 0: every process */
	sonde_u32 pad;
};
SONDE_ASSERT_SIZE(struct sonde_sampling, 8);
