/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The system calls that move a socket's bytes, and where their arguments say that the bytes lie.
 * One table for all doors; how a door comes by the arguments is its own matter.
 */
#pragma once

#include "bpf/lib/prelude.h"

enum buffers {
	BUFFERS_FOUND,
	BUFFERS_FILE,	   /* from or to a file or pipe: there is no user buffer */
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

struct user_mmsghdr {
	struct user_msghdr message;
	__u32 length; /* what moved of it: written by the kernel */
	__u32 pad;
};

/* Walks the buffers of one call. */
struct cursor {
	__u64 iov;  /* user address of the next iovec */
	__u64 left; /* iovecs left there */
	__u64 base; /* rest of the current buffer */
	__u64 length;
	/* Only where loops can follow them: */
	__u64 message;	  /* user address of the next of several messages */
	__u32 messages;	  /* left there */
	__u32 of_message; /* bytes left of the current one */
};

/* How a call is shaped: its direction, what its second and third argument are, where its flags
 * are. */
enum {
	CALL_OUT = 1 << 0,
	CALL_BUFFER = 1 << 1,	/* address, length */
	CALL_VECTOR = 1 << 2,	/* iovecs, their number */
	CALL_MESSAGE = 1 << 3,	/* a msghdr */
	CALL_MESSAGES = 1 << 4, /* mmsghdrs, their number */
	CALL_FILE = 1 << 5,	/* not the user's memory */
	CALL_SPLICE = 1 << 6,	/* its third argument is a descriptor too */
	CALL_FOREIGN = 1 << 7,	/* a number of 32-bit programs: another meaning for others */
	CALL_FLAGS_3 = 1 << 8,	/* the third argument holds MSG_* */
	CALL_FLAGS_4 = 1 << 9,	/* the fourth */
};

#define NUMBERED(number, name, shape) [number] = (shape)

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2
static const __u16 call_shapes[] = {
	NUMBERED(0, read, CALL_BUFFER),
	NUMBERED(1, write, CALL_BUFFER | CALL_OUT),
	NUMBERED(19, readv, CALL_VECTOR),
	NUMBERED(20, writev, CALL_VECTOR | CALL_OUT),
	NUMBERED(40, sendfile, CALL_FILE | CALL_OUT),
	NUMBERED(44, sendto, CALL_BUFFER | CALL_OUT),
	NUMBERED(45, recvfrom, CALL_BUFFER | CALL_FLAGS_4),
	NUMBERED(46, sendmsg, CALL_MESSAGE | CALL_OUT),
	NUMBERED(47, recvmsg, CALL_MESSAGE | CALL_FLAGS_3),
	NUMBERED(275, splice, CALL_FILE | CALL_SPLICE),
	NUMBERED(299, recvmmsg, CALL_MESSAGES | CALL_FLAGS_4),
	NUMBERED(307, sendmmsg, CALL_MESSAGES | CALL_OUT),
	NUMBERED(327, preadv2, CALL_VECTOR),
	NUMBERED(328, pwritev2, CALL_VECTOR | CALL_OUT),
	/* The same for 32 bits; none of these numbers is one of the above. */
	NUMBERED(3, read, CALL_FOREIGN),
	NUMBERED(4, write, CALL_FOREIGN | CALL_OUT),
	NUMBERED(145, readv, CALL_FOREIGN),
	NUMBERED(146, writev, CALL_FOREIGN | CALL_OUT),
	NUMBERED(187, sendfile, CALL_FOREIGN | CALL_OUT),
	NUMBERED(239, sendfile64, CALL_FOREIGN | CALL_OUT),
	NUMBERED(313, splice, CALL_FOREIGN | CALL_SPLICE),
	NUMBERED(369, sendto, CALL_FOREIGN | CALL_OUT),
	NUMBERED(370, sendmsg, CALL_FOREIGN | CALL_OUT),
	NUMBERED(371, recvfrom, CALL_FOREIGN | CALL_FLAGS_4),
	NUMBERED(372, recvmsg, CALL_FOREIGN | CALL_FLAGS_3),
	NUMBERED(378, preadv2, CALL_FOREIGN),
	NUMBERED(379, pwritev2, CALL_FOREIGN | CALL_OUT),
};
#elif defined(__TARGET_ARCH_arm64)
static const __u16 call_shapes[] = {
	NUMBERED(63, read, CALL_BUFFER),
	NUMBERED(64, write, CALL_BUFFER | CALL_OUT),
	NUMBERED(65, readv, CALL_VECTOR),
	NUMBERED(66, writev, CALL_VECTOR | CALL_OUT),
	NUMBERED(71, sendfile, CALL_FILE | CALL_OUT),
	NUMBERED(76, splice, CALL_FILE | CALL_SPLICE),
	NUMBERED(206, sendto, CALL_BUFFER | CALL_OUT),
	NUMBERED(207, recvfrom, CALL_BUFFER | CALL_FLAGS_4),
	NUMBERED(211, sendmsg, CALL_MESSAGE | CALL_OUT),
	NUMBERED(212, recvmsg, CALL_MESSAGE | CALL_FLAGS_3),
	NUMBERED(243, recvmmsg, CALL_MESSAGES | CALL_FLAGS_4),
	NUMBERED(269, sendmmsg, CALL_MESSAGES | CALL_OUT),
	NUMBERED(286, preadv2, CALL_VECTOR),
	NUMBERED(287, pwritev2, CALL_VECTOR | CALL_OUT),
	/* The same for 32 bits; none of these numbers is one of the above. */
	NUMBERED(3, read, CALL_FOREIGN),
	NUMBERED(4, write, CALL_FOREIGN | CALL_OUT),
	NUMBERED(145, readv, CALL_FOREIGN),
	NUMBERED(146, writev, CALL_FOREIGN | CALL_OUT),
	NUMBERED(187, sendfile, CALL_FOREIGN | CALL_OUT),
	NUMBERED(239, sendfile64, CALL_FOREIGN | CALL_OUT),
	NUMBERED(289, send, CALL_FOREIGN | CALL_OUT),
	NUMBERED(290, sendto, CALL_FOREIGN | CALL_OUT),
	NUMBERED(291, recv, CALL_FOREIGN | CALL_FLAGS_4),
	NUMBERED(292, recvfrom, CALL_FOREIGN | CALL_FLAGS_4),
	NUMBERED(296, sendmsg, CALL_FOREIGN | CALL_OUT),
	NUMBERED(297, recvmsg, CALL_FOREIGN | CALL_FLAGS_3),
	NUMBERED(340, splice, CALL_FOREIGN | CALL_SPLICE),
	NUMBERED(392, preadv2, CALL_FOREIGN),
	NUMBERED(393, pwritev2, CALL_FOREIGN | CALL_OUT),
};
#endif

/* 0: not one of ours. */
static __always_inline __u32 shape_of_call(__u64 number)
{
	return number < sizeof(call_shapes) / sizeof(call_shapes[0]) ? call_shapes[number] : 0;
}

/* Of a function that has returned the kernel's own copy is walked, of a system call the user's. */
static __always_inline long read_iovec(struct user_iovec *iov, __u64 at)
{
#ifdef SONDE_EXITED_CALL
	return bpf_probe_read_kernel(iov, sizeof(*iov), (void *)at);
#else
	return bpf_probe_read_user(iov, sizeof(*iov), (void *)at);
#endif
}

struct call {
	__u32 shape;
	__u32 fd; /* the kernel, too, looks at 32 bits of the register */
	__u64 argument1, argument2;
};

/* Begins the iovecs of a message. Reads no more of it than that: the stack is small. */
static __always_inline enum buffers walk_message(struct cursor *cursor, __u64 message)
{
	struct {
		__u64 iov;
		__u64 iov_count;
	} header;

	message += __builtin_offsetof(struct user_msghdr, iov);
	if (bpf_probe_read_user(&header, sizeof(header), (void *)message))
		return BUFFERS_FAULT;
	cursor->iov = header.iov;
	cursor->left = header.iov_count;
	return BUFFERS_FOUND;
}

/* How much of this message moved; 0 if that cannot be read. */
static __always_inline __u32 length_of_message(__u64 message)
{
	__u32 length = 0;

	message += __builtin_offsetof(struct user_mmsghdr, length);
	bpf_probe_read_user(&length, sizeof(length), (void *)message);
	return length;
}

/* The buffers of a call of one of the plain shapes; of several messages, only of a single one.
 */
static __always_inline enum buffers buffers_of(const struct call *call, struct cursor *cursor)
{
	cursor->iov = 0;
	cursor->left = 0;
	cursor->base = 0;
	cursor->length = 0;
	switch (call->shape & 31 & ~CALL_OUT) {
	case CALL_BUFFER:
		cursor->base = call->argument1;
		cursor->length = call->argument2;
		return BUFFERS_FOUND;
	case CALL_VECTOR:
		cursor->iov = call->argument1;
		cursor->left = call->argument2;
		return BUFFERS_FOUND;
	case CALL_MESSAGES:
		if ((__u32)call->argument2 != 1)
			return BUFFERS_MANY;
		/* fall through */
	case CALL_MESSAGE:
		return walk_message(cursor, call->argument1);
	}
	return BUFFERS_CONTEXT;
}
