/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ledger. One element for each CPU: all counters of bpf/shared/counters.h. Written by every
 * hook, each CPU its own; user space sums them up. Nothing deletes.
 */
#pragma once

#include "bpf/shared/counters.h"

struct counters {
	__u64 of[SONDE_COUNTERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

static __always_inline struct counters *ledger(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}
