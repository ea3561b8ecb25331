/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One run of a program that works for those we watch: it keeps its CPU, runs are counted, and one
 * in so many is timed. (The kernel could time all of them, but that wants more privileges than we
 * keep, and slows every program of the host.)
 */
#pragma once

#include "bpf/lib/preempt.h"
#include "bpf/maps/costs.h"

static __always_inline struct sonde_cost *cost_of(__u32 kind)
{
	return bpf_map_lookup_elem(&costs, &kind);
}

static __always_inline void begin_run(__u32 kind)
{
	struct sonde_cost *cost;

	keep_cpu();
	cost = cost_of(kind);
	/* Not the first: it runs cold, and would stand for many. */
	if (cost && !(++cost->runs % SONDE_RUNS_PER_TIMED))
		cost->began_ns = bpf_ktime_get_ns();
}

static __always_inline void end_run(__u32 kind)
{
	struct sonde_cost *cost = cost_of(kind);

	if (cost && cost->began_ns) {
		__u64 took = bpf_ktime_get_ns() - cost->began_ns;

		cost->timed_ns += took < SONDE_LONGEST_RUN_NS ? took : SONDE_LONGEST_RUN_NS;
		cost->timed++;
		cost->began_ns = 0;
	}
	give_cpu();
}
