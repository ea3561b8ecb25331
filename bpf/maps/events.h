/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ring of records. Value: the records of bpf/shared/records.h. Written by every hook; read by
 * the poller. Nothing deletes: a full ring refuses, and the refusal is counted. User space sets the
 * size before load.
 */
#pragma once

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} events SEC(".maps");
