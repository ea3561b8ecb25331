/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The health of TCP beside what the door itself sees of it (bpf/lib/life.h), for doors that keep
 * the state of connections in the sockets (door `socktp`, typed).
 *
 * Why these tracepoints: neither fires for bytes. Both since Linux 4.16. They miss nothing that
 * belongs to a connection.
 */
#define SONDE_DIRECT
#include "bpf/lib/prelude.h"

#include <bpf/bpf_endian.h>

#include "bpf/lib/preempt.h"
#include "bpf/lib/tcp_health.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(health_reset_in, struct sock *sk)
{
	keep_cpu();
	health_on_reset(sk, SONDE_IN);
	give_cpu();
	return 0;
}

/* Without a socket it answers a stray segment. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(health_reset_out, struct sock *sk)
{
	keep_cpu();
	if (sk)
		health_on_reset(sk, SONDE_OUT);
	give_cpu();
	return 0;
}
