/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reading a struct unix_sock: who is at its other end, who listened, and under which name. */
#pragma once

#include "bpf/lib/socket.h"
#include "bpf/shared/records.h"

static __always_inline bool is_unix_stream(struct sock *sk)
{
	return SOCK_FIELD(sk, __sk_common.skc_family) == AF_UNIX &&
	       SOCK_FIELD(sk, sk_type) == SOCK_STREAM;
}

/* What tells a socket from another one that is later at the same address. 0: it was not accepted
 * yet, or has closed. */
static __always_inline __u64 inode_of(struct sock *sk)
{
#ifdef SONDE_TYPED
	return sk->sk_socket->file->f_inode->i_ino;
#else
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
#endif
}

/* The same of an address where the socket may be no more: reads what stands there. */
static __always_inline __u64 inode_at(__u64 address)
{
	struct sock *sk = (struct sock *)address;

	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

static __always_inline __u64 unix_peer_of(struct sock *sk)
{
	struct unix_sock *near = (struct unix_sock *)sk;

	return (__u64)BPF_CORE_READ(near, peer);
}

/* A peer that has closed stays in memory as long as its other end holds it. */
static __always_inline bool has_closed(__u64 peer)
{
	struct sock *sk = (struct sock *)peer;

	return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE;
}

static __always_inline struct unix_address *address_at(__u64 sk)
{
	struct unix_sock *end = (struct unix_sock *)sk;

	return sk ? BPF_CORE_READ(end, addr) : 0;
}

/* Whoever listened gave its name to what it accepted. Who connected has none, or one that it shares
 * with nobody. Of a socketpair neither has.
 */
static __always_inline __u8 unix_role_of(struct sock *sk)
{
	struct unix_address *own = address_at((__u64)sk), *other = address_at(unix_peer_of(sk));
	int own_shares, other_shares;

	if (!own || !other)
		return own ? SONDE_ROLE_SERVER : other ? SONDE_ROLE_CLIENT : SONDE_ROLE_UNKNOWN;
	own_shares = BPF_CORE_READ(own, refcnt.refs.counter);
	other_shares = BPF_CORE_READ(other, refcnt.refs.counter);
	return own_shares > other_shares   ? SONDE_ROLE_SERVER
	       : own_shares < other_shares ? SONDE_ROLE_CLIENT
					   : SONDE_ROLE_UNKNOWN;
}

/* The name that was listened on, into room of SONDE_UNIX_NAME zero bytes; returns its length. */
static __always_inline __u32 read_unix_name(struct sock *sk, __u8 role, void *room)
{
	struct unix_address *own = address_at((__u64)sk), *other = address_at(unix_peer_of(sk));
	struct unix_address *name = role == SONDE_ROLE_CLIENT || !own ? other : own;
	__u64 bytes;

	if (!name)
		return 0;
	bytes = (__u32)BPF_CORE_READ(name, len) - sizeof(((struct sockaddr_un *)0)->sun_family);
	barrier_var(bytes);
	if (bytes > SONDE_UNIX_NAME)
		bytes = SONDE_UNIX_NAME; /* the longest has its zero byte behind the field */
	if (bpf_probe_read_kernel(room, bytes, &name->name[0].sun_path))
		return 0;
	return bytes;
}

/* A number for the name: no two names of a host are likely to share one. */
static __noinline __u64 unix_name_digest(struct sock *sk, __u8 role)
{
	__u64 words[(SONDE_UNIX_NAME + 7) / 8] = {};
	__u64 digest = 0x243f6a8885a308d3ull;
	__u32 i;

	if (!read_unix_name(sk, role, words))
		return 0;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		digest = (digest ^ words[i]) * 0x9e3779b97f4a7c15ull;
		digest ^= digest >> 29;
	}
	return digest ? digest : 1;
}
