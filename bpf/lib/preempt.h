/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Newest kernels let another task interrupt a program at a tracepoint (seen on 7.2, not on 6.18),
 * and kernels that are booted so (preempt=full) one at a function. While it waits for its CPU, the
 * kernel skips every run of the same program there; another program of ours would meet its
 * half-used bench (ship.h), and counts would be torn. So there our programs keep their CPU until
 * they are done, which is a microsecond.
 *
 * What is skipped all the same is counted by the kernel (recursion_misses) and told as lost: what
 * becomes due while a program keeps its CPU takes effect where it gives it back, which is still
 * within its run.
 */
#pragma once

#include "bpf/lib/prelude.h"

#ifdef SONDE_BARE
/* A kernel without types of its own has no functions that programs could call by type. */
static __always_inline void keep_cpu(void)
{
}

static __always_inline void give_cpu(void)
{
}
#else
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/* Set by user space before loading (userspace/kernel/preemption.h): elsewhere the calls are no
 * code.
 */
const volatile __u8 programs_are_interruptible;

static __always_inline void keep_cpu(void)
{
	if (programs_are_interruptible)
		bpf_preempt_disable();
}

static __always_inline void give_cpu(void)
{
	if (programs_are_interruptible)
		bpf_preempt_enable();
}
#endif
