/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Samples of what the CPUs run: what stands in the ring of samples, and how they are counted. */
#pragma once

#include "bpf/shared/records.h"

#include "bpf/shared/unwind.h"

/* As deep as the kernel walks unless it is told otherwise (kernel.perf_event_max_stack). */
#define SONDE_SAMPLE_KERNEL_FRAMES 127
#define SONDE_SAMPLE_USER_FRAMES   256

enum sonde_sample_kind {
	SONDE_SAMPLE = 1,
	SONDE_STACK = 2,
};

/* There were more frames than were taken. */
#define SONDE_SAMPLE_KERNEL_CUT 0x01
#define SONDE_SAMPLE_USER_CUT	0x02
/* It could not be walked just then. */
#define SONDE_SAMPLE_KERNEL_UNREADABLE 0x04
#define SONDE_SAMPLE_USER_UNREADABLE   0x08
/* The kernel itself walked the program's stack: addresses are those that calls return to. */
#define SONDE_SAMPLE_USER_BY_KERNEL 0x10
/* Something was needed that user space has not told yet: of this process, or a page of rows. */
#define SONDE_SAMPLE_MISSED 0x20
/* The stack from where its frames end is a record of its own, just before it from the same CPU. */
#define SONDE_SAMPLE_COPIED 0x40

/* Innermost frames first: those of the kernel, then those of the program. The first of each is
 * where it stood. Those of the kernel behind it are where it returns to; those of the program are
 * addresses within the call. A record ends with its last frame.
 */
struct sonde_sample {
	sonde_u32 kind;
	sonde_u32 cpu;
	sonde_u64 time_ns;    /* CLOCK_MONOTONIC */
	sonde_u64 cgroup;     /* of the unified hierarchy */
	sonde_u64 started_ns; /* when the process began, CLOCK_BOOTTIME */
	sonde_u64 image;      /* moves with each exec of the process */
	sonde_u32 pid;
	sonde_u32 tid;
	sonde_u16 kernel_frames;
	sonde_u16 user_frames;
	sonde_u16 guessed; /* of the program's: found by frame pointers where nothing is known */
	sonde_u8 flags;	   /* SONDE_SAMPLE_* */
	sonde_u8 end;	   /* how the walk of the program's ended: enum sonde_step */
	char name[16];	   /* of the thread */
	sonde_u32 weight;  /* how many periods of the clock it stands for */
	sonde_u32 pad;
	sonde_u64 frames[SONDE_SAMPLE_KERNEL_FRAMES + SONDE_SAMPLE_USER_FRAMES];
};
SONDE_ASSERT_SIZE(struct sonde_sample,
		  80 + 8 * (SONDE_SAMPLE_KERNEL_FRAMES + SONDE_SAMPLE_USER_FRAMES));

#define SONDE_SAMPLE_HEAD 80 /* bytes before the frames */

/* What a function may keep below its stack pointer (x86-64's red zone; registers that are popped
 * already are said to be there too). */
#define SONDE_STACK_BELOW     128
#define SONDE_STACK_BYTES     32768
#define SONDE_STACK_REGISTERS 32

/* A piece of a program's stack, for user space to go on where the kernel side did not know how. */
struct sonde_stack {
	sonde_u32 kind;
	sonde_u32 cpu;
	sonde_u64 time_ns;			    /* the sample's */
	struct sonde_frame frame;		    /* from here on */
	sonde_u64 registers[SONDE_STACK_REGISTERS]; /* if it is the innermost; DWARF's numbers */
	sonde_u64 address; /* of the first byte: at the stack pointer or a little below */
	sonde_u32 size;	   /* in bytes */
	sonde_u32 pad;
	sonde_u8 bytes[SONDE_STACK_BYTES];
};
SONDE_ASSERT_SIZE(struct sonde_stack, 64 + 8 * SONDE_STACK_REGISTERS + SONDE_STACK_BYTES);

/* fired = idle + elsewhere + taken; taken = thinned + delivered + ring_full. X(name, help) */
#define SONDE_SAMPLE_COUNTERS(X)                                               \
	X(fired, "times a CPU's clock rang")                                   \
	X(idle, "of them while the CPU had nothing to do")                     \
	X(elsewhere, "of them in a process that was not asked for")            \
	X(taken, "of them in a process that was")                              \
	X(thinned, "of those passed over: it is sampled more seldom")          \
	X(delivered, "of those put into the ring")                             \
	X(ring_full, "of those lost for want of room in the ring")             \
	X(kernel_cut, "samples whose kernel stack is deeper than it is told")  \
	X(user_cut, "samples whose user stack is deeper than it is told")      \
	X(kernel_unreadable, "samples whose kernel stack could not be walked") \
	X(user_unreadable, "samples whose user stack could not be walked")     \
	X(missed, "samples of which the kernel side did not know all yet")     \
	X(copied, "of them with a copy of their stack")

enum sonde_sample_counter {
#define X(name, help) SONDE_SAMPLES_##name,
	SONDE_SAMPLE_COUNTERS(X)
#undef X
	SONDE_SAMPLE_COUNTS
};

/* What is sampled: written by user space at any time. */
struct sonde_sampling {
	sonde_u32 only_pid;	     /* 0: every process */
	sonde_u32 stacks_per_second; /* at most so many are copied, of each CPU */
	sonde_u32 one_in;	     /* of who has no rate of its own, as below */
	sonde_u32 weight;	     /* periods that lie between two rings of the clock: 1 unless it
					rings more seldom for a while */
};
SONDE_ASSERT_SIZE(struct sonde_sampling, 16);

/* Processes that are sampled more or less often than others. */
#define SONDE_MAX_RATES 4096

struct sonde_rate {
	sonde_u64 started_ns; /* of which process, as above: a number is used again */
	sonde_u64 image;
	sonde_u32 one_in; /* of so many rings one is taken, by chance; 0: none */
	sonde_u32 pad;
};
SONDE_ASSERT_SIZE(struct sonde_rate, 24);
