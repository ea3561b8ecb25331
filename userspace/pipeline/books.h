// SPDX-License-Identifier: Apache-2.0
// The books: every stage's account at one moment, as own metrics. For operators ("is anything
// lost?") and for tests, which assert that the sums balance.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/pipeline/own_metrics.h"
#include "userspace/pipeline/pipeline.h"

namespace sonde {

struct Books {
  const PipelineSnapshot& pipeline;
  std::span<const uint64_t> kernel;  // empty: not known
  // From the ring. Nothing in a replay: a tape leaves out what it was not asked for.
  std::optional<uint64_t> records_read;
  std::span<const NamedCounter> host;  // of WatchedHost and the inventory
};

// The accounts, in the order of an event's way.
std::vector<StageLedger> stages_of(const Books& books);

// The accounts and all plain counters.
void append_books(const Books& books, std::vector<MetricFamily>& out);

}  // namespace sonde
