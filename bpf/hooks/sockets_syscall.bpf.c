/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `syscall`: the one tracepoint that fires when a system call returns, with the state of
 * each connection in a hash by the socket's address.
 *
 * Why this: it is there on all kernels since 5.10 (typed tracepoints: 5.5), and it has all that
 * there is to know in its hands: the arguments are still in the saved registers, so there is no
 * program at the entry and nothing to remember. But every system call of the host pays for it, so
 * the first thing is to let go what cannot be ours.
 *
 * It misses: io_uring and TCP_ZEROCOPY_RECEIVE (a gap in the position), and what 32-bit programs
 * move (counted, or a gap).
 */
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/life_programs.h"
#include "bpf/lib/returned_call.h"
#include "bpf/lib/run.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Bytes moved, or somebody met the end of a connection. */
static __always_inline bool is_told(long result)
{
	return result >= 0 || result == -EPIPE || result == -ECONNRESET;
}

#ifdef SONDE_BARE
#define RETURN_OF_CALLS "raw_tp/sys_exit"
#else
#define RETURN_OF_CALLS "tp_btf/sys_exit"
#endif

/* What the call returned is how many bytes it moved, or how many messages. */
SEC(RETURN_OF_CALLS)
int BPF_PROG(on_call, struct pt_regs *regs, long result)
{
	__u32 shape = is_told(result) ? shape_of_call(CALL_NUMBER(regs)) : 0;
	struct call call = {};
	struct sock *sk;
	int flags = 0, bytes = result;
	bool foreign;

	if (!shape)
		return 0;
	/* What is ours for one kind of programs is something else for the other. */
	foreign = shape & CALL_FOREIGN;
	if (foreign && !is_foreign(regs))
		return 0;
	sk = sock_of(foreign ? FOREIGN_ARGUMENT_1(regs) : CALL_ARGUMENT_1(regs));
	if (!sk && shape & CALL_SPLICE) {
		sk = sock_of(CALL_ARGUMENT_3(regs));
		shape |= CALL_OUT;
	}
	if (!sk || (!foreign && is_foreign(regs)))
		return 0;

	begin_run(SONDE_COST_CALLS);
	call.shape = shape;
	call.argument1 = CALL_ARGUMENT_2(regs);
	call.argument2 = CALL_ARGUMENT_3(regs);
	if (shape & CALL_FLAGS_3)
		flags = CALL_ARGUMENT_3(regs);
	else if (shape & CALL_FLAGS_4)
		flags = foreign ? FOREIGN_ARGUMENT_4(regs) : CALL_ARGUMENT_4(regs);
	if (shape & CALL_MESSAGES && result > 0) {
		call.argument2 = (__u32)result;
		bytes = bytes_of_messages(call.argument1, call.argument2);
	}
	if (shape & CALL_OUT)
		on_moved(sk, bytes, 0, SONDE_OUT, &call);
	else
		on_moved(sk, bytes, flags, SONDE_IN, &call);
	end_run(SONDE_COST_CALLS);
	return 0;
}
