/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The registers with which the current task left its program. Told by DWARF's numbers.
 * bpf_task_pt_regs: since 5.15.
 */
#pragma once

#include "bpf/lib/prelude.h"

#define USER_REGISTERS 32 /* at least as many as a machine has */

/* As debuggers see them: that is the same on all kernels. */
#if defined(__TARGET_ARCH_x86)
struct saved_registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	__u64 ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct saved_registers {
	__u64 regs[31], sp, pc, pstate;
};
#endif

struct user_registers {
	__u64 of[USER_REGISTERS];
	__u64 pc;
	__u64 sp;
	__u64 fp;
	struct saved_registers saved;
};

/* What a clock's program is called with begins with the registers of who was interrupted. */
struct interrupted {
	struct saved_registers registers;
};

/* Of both machines, with pages of 4 KiB. */
#define KERNEL_STACK_SIZE 16384

/* The end of a task's kernel stack is where they stand, be it in a system call or interrupted. */
static __always_inline struct pt_regs *user_frame_of(struct task_struct *task)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return (struct pt_regs *)((char *)BPF_CORE_READ(task, stack) + KERNEL_STACK_SIZE -
				  bpf_core_type_size(struct pt_regs));
}

#if defined(__TARGET_ARCH_x86)
#define CODE_OF_64_BITS 0x33
/* What tells a program from the kernel. */
#define MODE	     cs
#define MODE_BITS    3
#define PROGRAM_MODE 3

/* Newer machines keep something else above those 16 bits. */
static __always_inline bool is_of_64_bits(const struct saved_registers *saved)
{
	return (__u16)saved->cs == CODE_OF_64_BITS;
}

static __always_inline void number_registers(struct user_registers *to)
{
	const struct saved_registers *from = &to->saved;

	to->of[0] = from->ax;
	to->of[1] = from->dx;
	to->of[2] = from->cx;
	to->of[3] = from->bx;
	to->of[4] = from->si;
	to->of[5] = from->di;
	to->of[6] = to->fp = from->bp;
	to->of[7] = to->sp = from->sp;
	to->of[8] = from->r8;
	to->of[9] = from->r9;
	to->of[10] = from->r10;
	to->of[11] = from->r11;
	to->of[12] = from->r12;
	to->of[13] = from->r13;
	to->of[14] = from->r14;
	to->of[15] = from->r15;
	to->pc = from->ip;
}
#elif defined(__TARGET_ARCH_arm64)
#define MODE	     pstate
#define MODE_BITS    0xf
#define PROGRAM_MODE 0

static __always_inline bool is_of_64_bits(const struct saved_registers *saved)
{
	return !(saved->pstate & MODE_OF_32_BITS);
}

static __always_inline void number_registers(struct user_registers *to)
{
	for (int i = 0; i < 31; i++)
		to->of[i] = to->saved.regs[i];
	to->of[31] = to->sp = to->saved.sp;
	to->fp = to->saved.regs[29];
	to->pc = to->saved.pc;
}
#endif

static __always_inline bool was_in_program(const struct interrupted *who)
{
	__u64 mode = who->registers.MODE;

	barrier_var(mode); /* it must be read as a whole */
	return (mode & MODE_BITS) == PROGRAM_MODE;
}

/* False: it has no program (a thread of the kernel's), or one of 32 bits. */
static __always_inline bool read_user_registers(const struct interrupted *who,
						struct task_struct *task, struct user_registers *to)
{
	if (was_in_program(who))
		to->saved = who->registers;
	else if (!BPF_CORE_READ(task, mm) || BPF_CORE_READ(task, flags) & PF_KTHREAD ||
		 bpf_probe_read_kernel(&to->saved, sizeof(to->saved), user_frame_of(task)))
		return false;
	if (!is_of_64_bits(&to->saved))
		return false;
	number_registers(to);
	return true;
}
