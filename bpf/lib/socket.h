/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reading a struct sock, in two ways: SONDE_TYPED for programs that the verifier gives a typed
 * pointer (tp_btf, fexit), where a field costs one load; through a helper otherwise. And where its
 * connection's state is: in the socket itself for SONDE_DIRECT, which are typed too; in a hash
 * otherwise. Chosen by the file that includes us.
 */
#pragma once

#include "bpf/maps/connections.h"

#if defined(SONDE_DIRECT) && !defined(SONDE_TYPED)
#define SONDE_TYPED
#endif

#ifdef SONDE_TYPED
#define SOCK_FIELD(sk, field) ((sk)->field)
#define TCP_FIELD(tcp, field) ((tcp)->field)
#else
#define SOCK_FIELD(sk, field) BPF_CORE_READ(sk, field)
#define TCP_FIELD(tcp, field) BPF_CORE_READ(tcp, field)
#endif

/* TCP over IPv4 and IPv6. (Of AF_UNIX: unix_socket.h.) */
static __always_inline bool is_tcp(struct sock *sk)
{
	return SOCK_FIELD(sk, sk_protocol) == IPPROTO_TCP;
}

/* A raw socket may be of protocol TCP; behind it is no tcp_sock. */
static __always_inline bool is_stream(struct sock *sk)
{
	return SOCK_FIELD(sk, sk_type) == SOCK_STREAM;
}

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
#ifdef SONDE_TYPED
	return bpf_skc_to_tcp_sock(sk);
#else
	return (struct tcp_sock *)sk;
#endif
}

static __always_inline struct connection *find_connection(struct sock *sk)
{
#ifdef SONDE_DIRECT
	return bpf_sk_storage_get(&connections, sk, 0, 0);
#else
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&connections_by_address, &key);
#endif
}

/* A zeroed state for this socket, the old one overwritten; null if there is no room. */
static __always_inline struct connection *make_connection(struct sock *sk)
{
	struct connection *state;
#ifdef SONDE_DIRECT
	state = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (state)
		__builtin_memset(state, 0, sizeof(*state));
#else
	struct connection fresh = {};
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&connections_by_address, &key, &fresh, BPF_ANY))
		return 0;
	state = bpf_map_lookup_elem(&connections_by_address, &key);
#endif
	return state;
}

static __always_inline void drop_connection(struct sock *sk)
{
#ifdef SONDE_DIRECT
	bpf_sk_storage_delete(&connections, sk);
#else
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&connections_by_address, &key);
#endif
}

/* The socket is about to go: nobody is to make anything of the state any more. */
static __always_inline void forget_connection(struct sock *sk, struct connection *conn)
{
#ifdef SONDE_DIRECT
	conn->told = 0;
#else
	drop_connection(sk);
#endif
}

static __always_inline __u32 network_namespace_of(struct sock *sk)
{
#ifdef SONDE_TYPED
	return sk->__sk_common.skc_net.net->ns.inum;
#else
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
#endif
}

static __always_inline struct file *file_of(struct sock *sk)
{
	struct socket *socket = SOCK_FIELD(sk, sk_socket);

	if (!socket)
		return 0;
	return SOCK_FIELD(socket, file);
}

/* IPv4, spoken plainly or mapped into IPv6 (::ffff:a.b.c.d), is told as IPv4. Returns 4 or 6. */
static __always_inline __u8 addresses_of(struct sock *sk, __u8 *local, __u8 *remote)
{
	if (SOCK_FIELD(sk, __sk_common.skc_family) == AF_INET6) {
		struct in6_addr to = BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);

		if (*(__u64 *)&to.in6_u.u6_addr8[0] ||
		    *(__u32 *)&to.in6_u.u6_addr8[8] != bpf_htonl(0xffff)) {
			struct in6_addr from = BPF_CORE_READ(sk, __sk_common.skc_v6_rcv_saddr);

			__builtin_memcpy(local, &from, 16);
			__builtin_memcpy(remote, &to, 16);
			return 6;
		}
	}
	*(__be32 *)local = SOCK_FIELD(sk, __sk_common.skc_rcv_saddr);
	*(__be32 *)remote = SOCK_FIELD(sk, __sk_common.skc_daddr);
	return 4;
}
