/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What bpf/hooks/probe_preemption.bpf.c answers. */
#pragma once

enum sonde_preemption {
	SONDE_PREEMPTION_UNKNOWN = 0,
	SONDE_PREEMPTION_IMPOSSIBLE = 1,
	SONDE_PREEMPTION_POSSIBLE = 2,
};
