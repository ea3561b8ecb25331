/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The registers with which the current task left its program: at the end of its kernel stack, be
 * it in a system call or interrupted. Told by DWARF's numbers. bpf_task_pt_regs: since 5.15.
 */
#pragma once

#include "bpf/lib/prelude.h"

#define USER_REGISTERS 32 /* at least as many as a machine has */

struct user_registers {
	__u64 of[USER_REGISTERS];
	__u64 pc;
	__u64 sp;
	__u64 fp;
};

/* Of both machines, with pages of 4 KiB. */
#define KERNEL_STACK_SIZE 16384

static __always_inline struct pt_regs *user_frame_of(struct task_struct *task)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return (struct pt_regs *)((char *)BPF_CORE_READ(task, stack) + KERNEL_STACK_SIZE -
				  bpf_core_type_size(struct pt_regs));
}

/* False: it has no program (a thread of the kernel's), or one of 32 bits. */
#if defined(__TARGET_ARCH_x86)
#define CODE_OF_64_BITS 0x33

static __always_inline bool read_user_registers(struct task_struct *task, struct user_registers *to)
{
	struct pt_regs *from;

	if (!BPF_CORE_READ(task, mm) || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	from = user_frame_of(task);
	if (BPF_CORE_READ(from, cs) != CODE_OF_64_BITS)
		return false;
	to->of[0] = BPF_CORE_READ(from, ax);
	to->of[1] = BPF_CORE_READ(from, dx);
	to->of[2] = BPF_CORE_READ(from, cx);
	to->of[3] = BPF_CORE_READ(from, bx);
	to->of[4] = BPF_CORE_READ(from, si);
	to->of[5] = BPF_CORE_READ(from, di);
	to->of[6] = to->fp = BPF_CORE_READ(from, bp);
	to->of[7] = to->sp = BPF_CORE_READ(from, sp);
	to->of[8] = BPF_CORE_READ(from, r8);
	to->of[9] = BPF_CORE_READ(from, r9);
	to->of[10] = BPF_CORE_READ(from, r10);
	to->of[11] = BPF_CORE_READ(from, r11);
	to->of[12] = BPF_CORE_READ(from, r12);
	to->of[13] = BPF_CORE_READ(from, r13);
	to->of[14] = BPF_CORE_READ(from, r14);
	to->of[15] = BPF_CORE_READ(from, r15);
	to->pc = BPF_CORE_READ(from, ip);
	return true;
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline bool read_user_registers(struct task_struct *task, struct user_registers *to)
{
	struct pt_regs *from;

	if (!BPF_CORE_READ(task, mm) || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	from = user_frame_of(task);
	if (BPF_CORE_READ(from, pstate) & MODE_OF_32_BITS)
		return false;
	bpf_core_read(to->of, sizeof(from->regs), &from->regs);
	to->of[31] = to->sp = BPF_CORE_READ(from, sp);
	to->fp = to->of[29];
	to->pc = BPF_CORE_READ(from, pc);
	return true;
}
#endif
