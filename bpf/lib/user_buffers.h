/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the bytes of the socket call in progress lie in user memory. The tracepoints fire inside
 * the call, so its arguments are in the saved user registers - if there is a call, if it is one we
 * know, and if it is about this very socket. Each guard answers a trap that was met on a real
 * kernel:
 *   - io_uring completions run inside other system calls, or in workers with a copy of old
 * registers;
 *   - a write to a network file system sends on the kernel's own socket: the buffer holds something
 * else;
 *   - a 32-bit call has other numbers, other registers and other structs;
 *   - several messages in one call: which one this is cannot be told from the registers.
 */
#pragma once

#include "bpf/lib/socket.h"

enum buffers {
	BUFFERS_FOUND,
	BUFFERS_FILE,	   /* from a file or pipe: there is no user buffer */
	BUFFERS_MANY,	   /* several messages in one call */
	BUFFERS_CONTEXT,   /* no call of this socket in progress */
	BUFFERS_TRUNCATED, /* dropped by the receiver itself: the buffer was left as it was */
	BUFFERS_FAULT,	   /* the argument itself could not be read */
};

struct user_iovec {
	__u64 base;
	__u64 length;
};

struct user_msghdr {
	__u64 name;
	__u64 name_length;
	__u64 iov;
	__u64 iov_count;
	__u64 control;
	__u64 control_length;
	__u64 flags;
};

/* Walks the buffers of one call. */
struct cursor {
	__u64 iov;  /* user address of the next iovec */
	__u64 left; /* iovecs left there */
	__u64 base; /* rest of the current buffer */
	__u64 length;
};

#if defined(__TARGET_ARCH_x86)
enum {
	NR_read = 0,
	NR_write = 1,
	NR_readv = 19,
	NR_writev = 20,
	NR_sendfile = 40,
	NR_sendto = 44,
	NR_recvfrom = 45,
	NR_sendmsg = 46,
	NR_recvmsg = 47,
	NR_splice = 275,
	NR_recvmmsg = 299,
	NR_sendmmsg = 307,
	NR_preadv2 = 327,
	NR_pwritev2 = 328
};
#define TS_COMPAT 2
#define ENOSYS	  38

struct call {
	long number;
	__u32 fd; /* the kernel, too, looks at 32 bits of the register */
	__u64 argument1, argument2;
};

/* False if no 64-bit system call is in progress: its mark is -ENOSYS in the saved ax. */
static __always_inline bool current_call(struct task_struct *task, struct call *call)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (regs->ax != (unsigned long)-ENOSYS || task->thread_info.status & TS_COMPAT)
		return false;
	call->number = (int)regs->orig_ax;
	call->fd = regs->di;
	call->argument1 = regs->si;
	call->argument2 = regs->dx;
	return true;
}
#elif defined(__TARGET_ARCH_arm64)
enum {
	NR_read = 63,
	NR_write = 64,
	NR_readv = 65,
	NR_writev = 66,
	NR_sendfile = 71,
	NR_splice = 76,
	NR_sendto = 206,
	NR_recvfrom = 207,
	NR_sendmsg = 211,
	NR_recvmsg = 212,
	NR_recvmmsg = 243,
	NR_sendmmsg = 269,
	NR_preadv2 = 286,
	NR_pwritev2 = 287
};

struct call {
	long number;
	__u32 fd; /* the kernel, too, looks at 32 bits of the register */
	__u64 argument1, argument2;
};

static __always_inline bool current_call(struct task_struct *task, struct call *call)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	call->number = regs->syscallno;
	call->fd = regs->orig_x0;
	call->argument1 = regs->regs[1];
	call->argument2 = regs->regs[2];
	return call->number >= 0;
}
#endif

static __always_inline enum buffers walk_message(struct cursor *cursor, __u64 message)
{
	struct user_msghdr header;

	if (bpf_probe_read_user(&header, sizeof(header), (void *)message))
		return BUFFERS_FAULT;
	cursor->iov = header.iov;
	cursor->left = header.iov_count;
	return BUFFERS_FOUND;
}

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

static __always_inline enum buffers find_buffers(struct sock *sk, struct cursor *cursor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call call;

	if (!current_call(task, &call))
		return BUFFERS_CONTEXT;
	if (call.number == NR_sendfile || call.number == NR_splice)
		return BUFFERS_FILE;
	if (!leads_to(task, call.fd, sk))
		return BUFFERS_CONTEXT;
	cursor->iov = 0;
	cursor->left = 0;
	cursor->base = 0;
	cursor->length = 0;
	switch (call.number) {
	case NR_read:
	case NR_write:
	case NR_recvfrom:
	case NR_sendto:
		cursor->base = call.argument1;
		cursor->length = call.argument2;
		return BUFFERS_FOUND;
	case NR_readv:
	case NR_writev:
	case NR_preadv2:
	case NR_pwritev2:
		cursor->iov = call.argument1;
		cursor->left = call.argument2;
		return BUFFERS_FOUND;
	case NR_sendmmsg:
	case NR_recvmmsg:
		if ((__u32)call.argument2 != 1)
			return BUFFERS_MANY;
		/* fall through */
	case NR_sendmsg:
	case NR_recvmsg:
		return walk_message(cursor, call.argument1);
	}
	return BUFFERS_CONTEXT;
}
