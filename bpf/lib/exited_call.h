/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The buffers of a socket function that has just returned, by the kernel's own iterator over them:
 * it stands behind the bytes that moved, so we step back over them. No system call is needed: what
 * io_uring moves is found too, in whichever thread, since it has the memory of who asked for it.
 * Never followed: an iterator over the kernel's own memory.
 */
#pragma once

#include "bpf/lib/calls.h"
#include "bpf/lib/ship.h"

/* Of a message: it is made of a file's or a pipe's pages. Since Linux 6.5. */
#define MSG_SPLICE_PAGES 0x8000000

/* As many as a call may have. */
#define BUFFERS_WALKED_BACK 1024

/* Which kind of buffers it goes over; the values differ by kernel, and before 5.14 the direction
 * was among them. */
static __always_inline __u32 kind_of(struct iov_iter *iter)
{
	if (bpf_core_field_exists(iter->iter_type))
		return iter->iter_type;
	return ((struct iov_iter___5_13 *)iter)->type & ~1u;
}

static __always_inline bool is_one_buffer(__u32 kind)
{
	return bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	       kind == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

/* The buffer it is in, or the one behind the last. */
static __always_inline __u64 place_of(struct iov_iter *iter)
{
	if (bpf_core_field_exists(iter->__iov))
		return (__u64)BPF_CORE_READ(iter, __iov);
	return (__u64)BPF_CORE_READ((struct iov_iter___6_3 *)iter, iov);
}

/* Steps the bench's cursor back by one buffer, or as many of its bytes as are left to step over.
 * Returns 1 when it is there. */
__noinline int step_back_on_bench(__u32 direction)
{
	struct bench *bench = workbench(direction);
	struct user_iovec iov;

	if (!bench || read_iovec(&iov, bench->cursor.iov - (bench->cursor.left + 1) * sizeof(iov)))
		return 1;
	bench->cursor.left++;
	if (iov.length < bench->skip) {
		bench->skip -= iov.length;
		return 0;
	}
	bench->cursor.base = iov.base + iov.length - bench->skip;
	bench->cursor.length = bench->skip;
	bench->skip = 0;
	return 1;
}

/* Over all of them. Returns how many bytes it did not get back over. */
__noinline int step_back(__u32 direction)
{
	struct bench *bench = workbench(direction);

	if (!bench)
		return 1;
	for (int i = 0; i < BUFFERS_WALKED_BACK; i++)
		if (step_back_on_bench(direction))
			break;
	return bench->skip;
}

static __always_inline enum buffers find_vector(struct iov_iter *iter, struct shipment *s)
{
	__u64 at = place_of(iter), offset = iter->iov_offset;
	struct bench *bench;
	struct user_iovec iov;

	if (offset >= s->bytes) {
		if (read_iovec(&iov, at))
			return BUFFERS_FAULT;
		s->cursor.base = iov.base + offset - s->bytes;
		s->cursor.length = s->bytes;
		return BUFFERS_FOUND;
	}
	bench = workbench(s->direction);
	if (!bench)
		return BUFFERS_FAULT;
	bench->cursor = (struct cursor){.iov = at};
	bench->skip = s->bytes - offset;
	if (step_back(s->direction))
		return BUFFERS_FAULT;
	s->cursor = bench->cursor;
	s->cursor.iov = at - (s->cursor.left - 1) * sizeof(iov);
	return BUFFERS_FOUND;
}

/* call: its first argument is the kernel's message; none: there is no user buffer (splice). */
static __always_inline enum buffers find_buffers(struct sock *sk, struct shipment *s)
{
	struct msghdr *message;
	struct iov_iter *iter;
	__u32 kind;

	if (!s->call)
		return BUFFERS_FILE;
	message = (struct msghdr *)s->call->argument1;
	iter = __builtin_preserve_access_index(&message->msg_iter);
	kind = kind_of(iter);
	if (is_one_buffer(kind)) {
		s->cursor.base = (__u64)BPF_CORE_READ(iter, ubuf) + iter->iov_offset - s->bytes;
		s->cursor.length = s->bytes;
		return BUFFERS_FOUND;
	}
	if (kind == bpf_core_enum_value(enum iter_type, ITER_IOVEC))
		return find_vector(iter, s);
	return message->msg_flags & MSG_SPLICE_PAGES ? BUFFERS_FILE : BUFFERS_CONTEXT;
}
