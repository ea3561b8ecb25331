/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One element: struct sonde_control, mapped into user space. Both sides write their own fields. */
#pragma once

#include "bpf/shared/control.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sonde_control);
} control SEC(".maps");

static __always_inline struct sonde_control *switchboard(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}
