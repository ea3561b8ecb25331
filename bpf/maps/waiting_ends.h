/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ends of connections that the ring had no room for: nobody else would ever tell them. */
#pragma once

#include "bpf/shared/limits.h"
#include "bpf/shared/records.h"

/* Key: connection id. Value: its close record. Written where a connection ends; read and deleted by
 * user space as soon as it has emptied the ring. Full: the end is lost, and counted so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SONDE_MAX_WAITING_ENDS);
	__type(key, __u64);
	__type(value, struct sonde_close_record);
} waiting_ends SEC(".maps");
