// SPDX-License-Identifier: Apache-2.0
// What Sonde says about itself: the ledger ("is anything lost, where and why?") and plain counters,
// as metric families whose names begin with "sonde.". Pure: numbers in, families out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"

namespace sonde {

struct Loss {
  std::string_view reason;  // one word or two, e.g. "ring_full"
  uint64_t count = 0;
};

// One stage's account: seen = passed + the sum of lost + pending. What a stage leaves out because
// it was told to (a policy, a selection) has passed; lost is what somebody would miss.
struct StageLedger {
  std::string_view stage;  // "kernel", "ring", "flows", "series", "tape", "export"
  uint64_t seen = 0;
  uint64_t passed = 0;
  uint64_t pending = 0;  // taken, not decided yet
  std::vector<Loss> lost;
};

uint64_t total_lost(const StageLedger& ledger);

// What the account cannot explain: seen - passed - lost - pending. 0 unless somebody forgot to
// count; counters that are read while they move may be off by what moved.
int64_t unexplained(const StageLedger& ledger);

// sonde.stage.seen, sonde.stage.passed, sonde.stage.pending {stage} and sonde.lost {stage, reason}.
// A reason is there from the start, with 0, so that rates see the first loss.
void append_ledger(std::span<const StageLedger> stages, std::vector<MetricFamily>& out);

struct NamedCounter {
  std::string_view name;  // without prefix, e.g. "calls_seen"
  std::string_view help;
  uint64_t value = 0;
};

// One counter family each, named <prefix>.<name>: "sonde.kernel" gives
// sonde_kernel_calls_seen_total in Prometheus.
void append_counters(std::string_view prefix, std::span<const NamedCounter> counters,
                     std::vector<MetricFamily>& out);

// A family of one point without labels.
MetricFamily gauge(std::string_view name, std::string_view unit, std::string_view help,
                   double value);

// sonde.build: an info point with the version.
MetricFamily build_info(std::string_view version);

}  // namespace sonde
