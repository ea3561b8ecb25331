// SPDX-License-Identifier: Apache-2.0
// The books balance: seen = passed + lost + pending for every stage, whatever the counters say.
#include "userspace/pipeline/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "bpf/shared/counters.h"

namespace sonde {
namespace {

std::vector<uint64_t> kernel_counters() {
  std::vector<uint64_t> all(SONDE_COUNTERS);
  all[SONDE_COUNT_calls_shipped] = 100;
  all[SONDE_COUNT_calls_counted] = 20;
  all[SONDE_COUNT_calls_off] = 3;
  all[SONDE_COUNT_calls_lost] = 4;
  all[SONDE_COUNT_unreadable_file] = 50;
  all[SONDE_COUNT_unreadable_many] = 1;
  all[SONDE_COUNT_unreadable_truncated] = 2;
  all[SONDE_COUNT_unreadable_context] = 3;
  all[SONDE_COUNT_unreadable_fault] = 4;
  all[SONDE_COUNT_calls_unreadable] = 60;
  all[SONDE_COUNT_calls_seen] = 100 + 20 + 3 + 4 + 60;
  all[SONDE_COUNT_records_sent] = 90;
  all[SONDE_COUNT_records_lost] = 6;
  return all;
}

TEST(Ledger, KernelBalances) {
  const StageLedger ledger = kernel_ledger(kernel_counters());
  EXPECT_EQ(unexplained(ledger), 0);
  EXPECT_EQ(total_lost(ledger), 4u + 10u) << "what is sent from files is not lost";
}

TEST(Ledger, WhatTheKernelSkippedIsLost) {
  auto counters = kernel_counters();
  const uint64_t seen = kernel_ledger(counters).seen;
  counters[SONDE_COUNT_runs_missed] = 7;
  const StageLedger ledger = kernel_ledger(counters);
  EXPECT_EQ(ledger.seen, seen + 7);
  EXPECT_EQ(total_lost(ledger), 4u + 10u + 7u);
  EXPECT_EQ(unexplained(ledger), 0);
}

TEST(Ledger, AReasonNobodyCountsShows) {
  auto counters = kernel_counters();
  ++counters[SONDE_COUNT_calls_seen];
  EXPECT_EQ(unexplained(kernel_ledger(counters)), 1);
  counters[SONDE_COUNT_calls_shipped] += 3;
  EXPECT_EQ(unexplained(kernel_ledger(counters)), -2);
}

TEST(Ledger, RingBalances) {
  const StageLedger ledger = ring_ledger(kernel_counters(), 80, 2);
  EXPECT_EQ(ledger.seen, 96u);
  EXPECT_EQ(ledger.passed, 78u);
  EXPECT_EQ(ledger.pending, 10u);
  EXPECT_EQ(total_lost(ledger), 8u);
  EXPECT_EQ(unexplained(ledger), 0);
  EXPECT_EQ(unexplained(ring_ledger(kernel_counters(), 95, 0)), 0) << "read ahead of the count";
  EXPECT_EQ(unexplained(ring_ledger({}, 0, 0)), 0);
}

TEST(Ledger, FlowsBalance) {
  FlowCounters flows;
  flows.requests_begun = 30;
  flows.requests_finished = 20;
  flows.requests_unanswered = 4;
  flows.requests_lost = 1;
  flows.answers_unpaired = 7;
  const StageLedger ledger = flows_ledger(flows, 5);
  EXPECT_EQ(unexplained(ledger), 0);
  EXPECT_EQ(total_lost(ledger), 8u);
}

TEST(Ledger, SeriesBalance) {
  RedCounters red;
  red.seen = 10;
  red.counted = 6;
  red.overflowed = 3;
  red.unmeasured = 1;
  EXPECT_EQ(unexplained(series_ledger(red)), 0);
}

TEST(Ledger, AsMetrics) {
  const StageLedger stages[] = {{.stage = "tape",
                                 .seen = 9,
                                 .passed = 5,
                                 .pending = 1,
                                 .lost = {{"disk_full", 3}, {"too_long", 0}}}};
  std::vector<MetricFamily> out;
  append_ledger(stages, out);
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].name, "sonde.stage.seen");
  EXPECT_EQ(std::get<uint64_t>(out[0].points[0].value), 9u);
  EXPECT_EQ(out[3].name, "sonde.lost");
  ASSERT_EQ(out[3].points.size(), 2u) << "reasons without a loss are there with 0";
  EXPECT_EQ(*out[3].points[0].labels, (Labels{{"stage", "tape"}, {"reason", "disk_full"}}));
}

TEST(Ledger, EveryCounterHasAFamilyOfItsOwn) {
  std::vector<MetricFamily> out;
  append_kernel_counters(kernel_counters(), out);
  append_flow_counters({}, out);
  append_red_counters({}, out);
  std::map<std::string, int> names;
  for (const MetricFamily& family : out) {
    ++names[family.name];
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.kind, MetricKind::kCounter);
  }
  for (const auto& [name, times] : names) {
    EXPECT_EQ(times, 1) << name;
  }
  EXPECT_TRUE(names.contains("sonde.kernel.calls_seen"));
  EXPECT_TRUE(names.contains("sonde.flows.requests_begun"));
  EXPECT_TRUE(names.contains("sonde.series.overflowed"));
  EXPECT_TRUE(names.contains("sonde.body.size.unknown"));
}

}  // namespace
}  // namespace sonde
