/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The buffers of a call that is still in progress: how the doors at the sockets find them. Their
 * tracepoints fire inside the call, so its arguments are in the saved user registers - if there is
 * a call, if it is one we know, and if it is about this very socket. Each guard answers a trap that
 * was met on a real kernel:
 *   - io_uring completions run inside other system calls, or in workers with a copy of old
 * registers;
 *   - a write to a network file system sends on the kernel's own socket: the buffer holds something
 * else;
 *   - a 32-bit call has other numbers, other registers and other structs;
 *   - several messages in one call: which one this is cannot be told from the registers.
 */
#pragma once

#include "bpf/lib/calls.h"
#include "bpf/lib/records.h"
#include "bpf/lib/socket.h"

#if defined(__TARGET_ARCH_x86)
#define ENOSYS 38

/* False if no 64-bit system call is in progress: its mark is -ENOSYS in the saved ax. */
static __always_inline bool running_call(struct task_struct *task, struct call *call)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (regs->ax != (unsigned long)-ENOSYS || task->thread_info.status & TS_COMPAT)
		return false;
	call->shape = shape_of_call(regs->orig_ax);
	call->fd = regs->di;
	call->argument1 = regs->si;
	call->argument2 = regs->dx;
	return true;
}
#elif defined(__TARGET_ARCH_arm64)
/* There is no such mark, but the first argument is kept twice, and what a call returns is put over
 * one of them. An interrupt leaves no number. (A call that returns its own descriptor's number may
 * be taken for one in progress: it was about this very socket then.)
 */
static __always_inline bool running_call(struct task_struct *task, struct call *call)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (regs->regs[0] != regs->orig_x0 || regs->pstate & MODE_OF_32_BITS)
		return false;
	call->shape = shape_of_call(regs->syscallno);
	call->fd = regs->orig_x0;
	call->argument1 = regs->regs[1];
	call->argument2 = regs->regs[2];
	return true;
}
#endif

/* Does this descriptor of the current task lead to this socket? */
static __always_inline bool leads_to(struct task_struct *task, __u32 fd, struct sock *sk)
{
	struct file *file = 0, *wanted = file_of(sk);
	struct files_struct *files = task->files;
	struct fdtable *table;

	if (!wanted || !files)
		return false;
	table = files->fdt;
	if (!table || fd >= table->max_fds)
		return false;
	bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
	return file == wanted;
}

static __always_inline enum buffers find_buffers(struct sock *sk, struct shipment *s)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call call;

	if (!running_call(task, &call))
		return BUFFERS_CONTEXT;
	if (call.shape & CALL_FILE)
		return BUFFERS_FILE;
	if (!leads_to(task, call.fd, sk))
		return BUFFERS_CONTEXT;
	return buffers_of(&call, &s->cursor);
}
