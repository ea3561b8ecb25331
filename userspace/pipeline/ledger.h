// SPDX-License-Identifier: Apache-2.0
// The stages' own counters, told as the ledger and as metric families. One place says which counter
// is a loss.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "userspace/flows/flows.h"
#include "userspace/model/metrics.h"
#include "userspace/pipeline/joins.h"
#include "userspace/pipeline/own_metrics.h"
#include "userspace/pipeline/red.h"
#include "userspace/pipeline/service_graph.h"

namespace sonde {

// Kernel counters as bpf/shared/counters.h numbers them; a counter that is missing at the end
// counts as 0.
using KernelCounters = std::span<const uint64_t>;

// Socket calls. Lost are those whose bytes somebody wanted and nobody could read; what policy or
// selection leaves out has passed, and so has what a program sends from a file: those bytes never
// were in a buffer, and are counted.
StageLedger kernel_ledger(KernelCounters counters);

// Records on their way through the ring. malformed: read, but not understood.
StageLedger ring_ledger(KernelCounters counters, uint64_t records_read, uint64_t malformed);

// Exchanges, from request head to answer; an answer whose request was not seen is one, lost.
StageLedger flows_ledger(const FlowCounters& counters, uint64_t in_flight);

// Exchanges, into series. An overflow series loses labels, not counts: see sonde.series.overflowed.
StageLedger series_ledger(const RedCounters& counters);

// Exchanges that have a series, into pairs of services.
StageLedger graph_ledger(const GraphCounters& counters);

// Every counter by its own name: sonde.kernel.*, sonde.flows.*, sonde.series.*, sonde.graph.*,
// sonde.joins.*
void append_kernel_counters(KernelCounters counters, std::vector<MetricFamily>& out);
void append_flow_counters(const FlowCounters& counters, std::vector<MetricFamily>& out);
void append_red_counters(const RedCounters& counters, std::vector<MetricFamily>& out);
void append_graph_counters(const GraphCounters& counters, std::vector<MetricFamily>& out);
void append_join_counters(const JoinCounters& counters, std::vector<MetricFamily>& out);

}  // namespace sonde
