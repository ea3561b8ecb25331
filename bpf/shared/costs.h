/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What our programs cost, as they measure it themselves. */
#pragma once

#include "bpf/shared/records.h"

/* By what the program looks at, and so by what may interrupt it: calls are a process's, the others
 * may come in an interrupt. */
enum sonde_cost_kind {
	SONDE_COST_CALLS = 0,  /* socket calls */
	SONDE_COST_STATES = 1, /* changes of a connection's state */
	SONDE_COST_ENDS = 2,   /* sockets that go */
	SONDE_COSTS
};

#define SONDE_RUNS_PER_TIMED 64
/* A run that took longer was interrupted: what others do is not its cost. */
#define SONDE_LONGEST_RUN_NS 1000000

struct sonde_cost {
	sonde_u64 runs;
	sonde_u64 timed; /* of them, ... */
	sonde_u64 timed_ns;
	sonde_u64 began_ns; /* the run that is being timed; 0: none */
};
SONDE_ASSERT_SIZE(struct sonde_cost, 32);
