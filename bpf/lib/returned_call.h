/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A system call that has returned: which one it was, which socket it was about, how many bytes it
 * moved and where they lie. All of it by the registers that were saved when it began.
 */
#pragma once

#include "bpf/lib/calls.h"
#include "bpf/lib/records.h"
#include "bpf/lib/socket.h"

/* The registers come typed, but from a kernel without types of its own. */
#ifdef SONDE_BARE
#define REGISTER(regs, field) BPF_CORE_READ(regs, field)
#else
#define REGISTER(regs, field) ((regs)->field)
#endif

#if defined(__TARGET_ARCH_x86)
#define CALL_NUMBER(regs)	 REGISTER(regs, orig_ax)
#define CALL_ARGUMENT_1(regs)	 REGISTER(regs, di)
#define CALL_ARGUMENT_2(regs)	 REGISTER(regs, si)
#define CALL_ARGUMENT_3(regs)	 REGISTER(regs, dx)
#define CALL_ARGUMENT_4(regs)	 REGISTER(regs, r10)
#define FOREIGN_ARGUMENT_1(regs) REGISTER(regs, bx)
#define FOREIGN_ARGUMENT_4(regs) REGISTER(regs, si)
#elif defined(__TARGET_ARCH_arm64)
#define CALL_NUMBER(regs)	 ((__u32)REGISTER(regs, syscallno))
#define CALL_ARGUMENT_1(regs)	 REGISTER(regs, orig_x0)
#define CALL_ARGUMENT_2(regs)	 REGISTER(regs, regs[1])
#define CALL_ARGUMENT_3(regs)	 REGISTER(regs, regs[2])
#define CALL_ARGUMENT_4(regs)	 REGISTER(regs, regs[3])
#define FOREIGN_ARGUMENT_1(regs) REGISTER(regs, orig_x0)
#define FOREIGN_ARGUMENT_4(regs) REGISTER(regs, regs[3])
#endif

/* Where the kernel hands out the current task with its type (5.11), a field of it costs one load
 * instead of a helper's call.
 */
static __always_inline bool task_is_typed(void)
{
#ifdef SONDE_BARE
	return false;
#endif
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

static __always_inline struct task_struct *untyped_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* A 32-bit call has other numbers, other registers and other structs, whatever program makes it. */
static __always_inline bool is_foreign(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	__u32 status;

	/* The instruction of 64-bit calls leaves its traces: most of them need no further look. */
	if (REGISTER(regs, cx) == REGISTER(regs, ip) &&
	    REGISTER(regs, r11) == REGISTER(regs, flags))
		return false;
	if (task_is_typed())
		status = bpf_get_current_task_btf()->thread_info.status;
	else
		status = BPF_CORE_READ(untyped_task(), thread_info.status);
	return status & TS_COMPAT;
#elif defined(__TARGET_ARCH_arm64)
	return REGISTER(regs, pstate) & MODE_OF_32_BITS;
#endif
}

/* What the file of a socket can do is one table for all sockets of a kernel. Its address is learned
 * from the first file that its inode calls a socket; then one read tells a socket from a file.
 */
static __u64 socket_operations;

static __always_inline bool is_socket(struct file *file)
{
	__u64 operations = (__u64)BPF_CORE_READ(file, f_op);

	if (socket_operations)
		return operations == socket_operations;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return false;
	socket_operations = operations;
	return true;
}

/* The current task's table of files. */
static __always_inline struct file **files_of_task(void)
{
	struct files_struct *files;
	struct fdtable *table;
	struct {
		struct fdtable *table;
		__u64 max_fds;
		struct file **fd;
	} head;

	if (task_is_typed())
		return bpf_get_current_task_btf()->files->fdt->fd;
	files = BPF_CORE_READ(untyped_task(), files);
	/* A small table stands behind the pointer to it: one read fetches both. */
	if (bpf_core_field_offset(files->fdtab.fd) != bpf_core_field_offset(files->fdt) + 16)
		return BPF_CORE_READ(files, fdt, fd);
	bpf_core_read(&head, sizeof(head), &files->fdt);
	table = head.table;
	if ((void *)table == (void *)files + bpf_core_field_offset(struct files_struct, fdtab))
		return head.fd;
	return BPF_CORE_READ(table, fd);
}

/* The socket behind a descriptor of the current task, or null. The descriptor is one of a call that
 * succeeded, so the table reaches that far; if another thread closed it meanwhile there is nothing,
 * or another file.
 */
static __always_inline struct sock *sock_of(__u32 fd)
{
	struct file *file = 0;
	struct socket *socket;

	bpf_probe_read_kernel(&file, sizeof(file), files_of_task() + fd);
	if (!is_socket(file))
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* The bytes of so many messages: the kernel notes each one's length in its header. A global
 * function, so that the verifier walks it once.
 */
__noinline int bytes_of_messages(__u64 message, __u32 messages)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < SONDE_MESSAGES_PER_CALL && i < messages; i++)
		sum += length_of_message(message + i * sizeof(struct user_mmsghdr));
	return sum > 0x7fffffff ? 0x7fffffff : sum;
}

static __always_inline enum buffers find_buffers(struct sock *sk, struct shipment *s)
{
	const struct call *call = s->call;

	if (!call || call->shape & CALL_FOREIGN)
		return BUFFERS_CONTEXT;
	if (call->shape & CALL_FILE)
		return BUFFERS_FILE;
	if (call->shape & CALL_MESSAGES && call->argument2 > 1) {
		s->cursor.message = call->argument1;
		s->cursor.messages = call->argument2;
		return BUFFERS_FOUND;
	}
	return buffers_of(call, &s->cursor);
}
