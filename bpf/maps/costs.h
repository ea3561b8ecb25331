/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What our programs cost. One element for each CPU and kind of program: programs of one kind do not
 * interrupt each other there, those of another may. User space sums them up.
 */
#pragma once

#include "bpf/shared/costs.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SONDE_COSTS);
	__type(key, __u32);
	__type(value, struct sonde_cost);
} costs SEC(".maps");
