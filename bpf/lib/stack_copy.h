/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A copy of a program's stack, from the frame on that its walk has come to: for user space to go on
 * where the kernel side does not know how.
 */
#pragma once

#include "bpf/lib/walk.h"
#include "bpf/maps/samples.h"

static __always_inline bool may_copy(struct copying *copying, __u64 now_ns)
{
	const __u64 second = 1000000000;
	struct sonde_sampling *wanted;
	__u32 zero = 0;

	wanted = bpf_map_lookup_elem(&sampling, &zero);
	if (now_ns - copying->since_ns >= second) {
		copying->since_ns = now_ns;
		copying->copied = 0;
	}
	return wanted && copying->copied < wanted->stacks_per_second;
}

/* Page by page: beyond the stack's end there may be nothing. */
static __always_inline __u32 copy_pages(struct sonde_stack *stack, __u64 from)
{
	const __u32 page = 4096;
	__u32 done = page - (from & (page - 1));

	if (bpf_probe_read_user(stack->bytes, done, (void *)from))
		return 0;
	for (__u32 i = 0; i < SONDE_STACK_BYTES / page - 1; i++) {
		barrier_var(done);
		if (done > SONDE_STACK_BYTES - page ||
		    bpf_probe_read_user(stack->bytes + done, page, (void *)(from + done)))
			break;
		done += page;
	}
	return done;
}

static __always_inline bool copy_stack(struct walk *walk, struct sonde_sample *sample)
{
	__u32 zero = 0;
	struct copying *copying = bpf_map_lookup_elem(&copyings, &zero);
	struct sonde_stack *stack;

	if (!copying || !may_copy(copying, sample->time_ns))
		return false;
	stack = bpf_ringbuf_reserve(&samples, sizeof(*stack), 0);
	if (!stack)
		return false;
	copying->copied++;
	stack->kind = SONDE_STACK;
	stack->cpu = sample->cpu;
	stack->time_ns = sample->time_ns;
	stack->frame = walk->frame;
	for (int i = 0; i < USER_REGISTERS; i++)
		stack->registers[i] = walk->registers.of[i];
	stack->pad = 0;
	stack->address = walk->frame.sp - SONDE_STACK_BELOW;
	stack->size = copy_pages(stack, stack->address);
	if (!stack->size) {
		stack->address = walk->frame.sp;
		stack->size = copy_pages(stack, stack->address);
	}
	bpf_ringbuf_submit(stack, BPF_RB_NO_WAKEUP);
	sample->flags |= SONDE_SAMPLE_COPIED;
	return true;
}
