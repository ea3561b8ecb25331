/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The two programs at a connection's beginning and end, the same in every door.
 *
 * Both come in interrupts too, where one softirq may bring hundreds: one in the middle of a run
 * makes the kernel skip each of those (counted: states_missed, runs_missed). What follows from a
 * beginning that was missed, turn.h mends. To keep interrupts away while they run
 * (bpf_local_irq_save) was tried and does not help: they come when the program lets them, which is
 * still within its run.
 */
#pragma once

#include "bpf/lib/life.h"
#include "bpf/lib/run.h"

#ifdef SONDE_TYPED
#define SONDE_TRACEPOINT(name) SEC("tp_btf/" name)
#else
#define SONDE_TRACEPOINT(name) SEC("raw_tp/" name)
#endif

/* Who is client and who is server, and where the streams begin: known only here. And how connects
 * and connections end, when all their counts are final. It misses a connect that fails before a SYN
 * is made (no route, no permission). */
SONDE_TRACEPOINT("inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int from, int to)
{
	begin_run(SONDE_COST_STATES);
	on_state(sk, from, to);
	end_run(SONDE_COST_STATES);
	return 0;
}

/* The end. Not at CLOSE: data can still be read after it. */
SONDE_TRACEPOINT("tcp_destroy_sock")
int BPF_PROG(on_destroy_sock, struct sock *sk)
{
	begin_run(SONDE_COST_ENDS);
	on_destroy(sk);
	end_run(SONDE_COST_ENDS);
	return 0;
}
