/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The door `fexit`: programs where the kernel's functions behind socket calls return, with the
 * state of each connection in the socket itself.
 *
 * Why these: nothing but socket calls pays, and the kernel's own iterator over the buffers is at
 * hand, whoever called: io_uring, several messages in one call, 32-bit programs. Since Linux 5.5 on
 * x86, with socket storage for such programs 6.1. They miss TCP_ZEROCOPY_RECEIVE (a gap in the
 * position), and the payload of sendfile, splice and registered io_uring buffers (counted).
 */
#ifndef SONDE_TYPED
#define SONDE_DIRECT
#endif
#define SONDE_EXITED_CALL
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/exited_call.h"
#include "bpf/lib/life_programs.h"
#include "bpf/lib/run.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* message: null, if no buffers of a user are meant. */
static __always_inline int on_exit(struct socket *socket, struct msghdr *message, int result,
				   int flags, __u8 direction)
{
	struct call call = {.argument1 = (__u64)message};
	struct sock *sk = socket->sk;

	if (!sk)
		return 0;
	begin_run(SONDE_COST_CALLS);
	on_moved(sk, result, flags, direction, message ? &call : 0);
	end_run(SONDE_COST_CALLS);
	return 0;
}

#define ON_SEND(name)                                                                      \
	SEC("fexit/" #name)                                                                \
	int BPF_PROG(on_##name, struct socket *socket, struct msghdr *message, __u64 size, \
		     int result)                                                           \
	{                                                                                  \
		return on_exit(socket, message, result, 0, SONDE_OUT);                     \
	}

/* The flags are the real ones: a peek moves nothing. */
#define ON_RECEIVE(name)                                                                   \
	SEC("fexit/" #name)                                                                \
	int BPF_PROG(on_##name, struct socket *socket, struct msghdr *message, __u64 size, \
		     int flags, int result)                                                \
	{                                                                                  \
		return on_exit(socket, message, result, flags, SONDE_IN);                  \
	}

/* From a socket into a pipe: no user buffer, only a count. */
#define ON_SPLICE(name)                                                                        \
	SEC("fexit/" #name)                                                                    \
	int BPF_PROG(on_##name, struct socket *socket, void *position, void *pipe, __u64 size, \
		     unsigned int flags, long result)                                          \
	{                                                                                      \
		return on_exit(socket, 0, result, 0, SONDE_IN);                                \
	}

/* A page of a file or pipe, before Linux 6.5; since then it is a message. */
#define ON_PAGE(name)                                                                      \
	SEC("?fexit/" #name)                                                               \
	int BPF_PROG(on_##name, struct socket *socket, void *page, int offset, __u64 size, \
		     int flags, long result)                                               \
	{                                                                                  \
		return on_exit(socket, 0, result, 0, SONDE_OUT);                           \
	}

ON_SEND(inet_sendmsg)
ON_SEND(inet6_sendmsg)
ON_SEND(unix_stream_sendmsg)
ON_RECEIVE(inet_recvmsg)
ON_RECEIVE(inet6_recvmsg)
ON_RECEIVE(unix_stream_recvmsg)
ON_SPLICE(tcp_splice_read)
ON_SPLICE(unix_stream_splice_read)
ON_PAGE(inet_sendpage)
ON_PAGE(unix_stream_sendpage)

/* The end of an AF_UNIX socket, which has no tracepoint. At the entry: at the exit the socket has
 * let go of it. */
SEC("fentry/unix_release")
int BPF_PROG(on_unix_release, struct socket *socket)
{
	struct sock *sk = socket->sk;

	if (!sk)
		return 0;
	begin_run(SONDE_COST_CALLS);
	release_unix(sk);
	end_run(SONDE_COST_CALLS);
	return 0;
}
