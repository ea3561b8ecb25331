// SPDX-License-Identifier: Apache-2.0
// Each door proves itself on this kernel.
#include <gtest/gtest.h>

#include <bitset>
#include <memory>
#include <optional>

#include "tests/bpf/harness.h"
#include "userspace/sources/door.h"
#include "userspace/sources/self_test.h"

namespace sonde {
namespace {

uint64_t none_missed() { return 0; }

class DoorTest : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    SONDE_NEEDS_ROOT();
    auto door = Door::open(door_kinds()[GetParam()], pool_, 1 << 20, 1024, false);
    ASSERT_TRUE(door) << door.error().what;
    door_ = std::move(*door);
    auto control = ControlPage::map(pool_);
    ASSERT_TRUE(control) << control.error().what;
    control_.emplace(std::move(*control));
  }

  // Connections without a port are AF_UNIX's: the door then tells nothing of those, or all again.
  void switch_unix(bool on) {
    std::bitset<65536> off;
    ASSERT_TRUE(DecisionMaps(pool_).set_ports_off(off.set(0, !on)));
  }
  KernelCounts counts() {
    auto counts = CounterMap(pool_).read();
    EXPECT_TRUE(counts);
    return counts.value_or(KernelCounts{});
  }

  MapPool pool_;
  std::unique_ptr<Door> door_;
  std::optional<ControlPage> control_;
};

TEST_P(DoorTest, ProvesItself) {
  auto report = prove_door(pool_, *control_, none_missed);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->self, static_cast<uint32_t>(getpid()));
  EXPECT_GT(report->checks, 90u);
  EXPECT_EQ(report->unix_why_not, "");
  EXPECT_GT(report->unix_checks, 80u);

  // The ledger balances, and nothing was lost.
  const KernelCounts c = counts();
  EXPECT_EQ(c[SONDE_COUNT_calls_seen], c[SONDE_COUNT_calls_shipped] + c[SONDE_COUNT_calls_counted] +
                                           c[SONDE_COUNT_calls_off] + c[SONDE_COUNT_calls_lost] +
                                           c[SONDE_COUNT_calls_unreadable]);
  EXPECT_EQ(c[SONDE_COUNT_bytes_seen], c[SONDE_COUNT_bytes_shipped] + c[SONDE_COUNT_bytes_cut] +
                                           c[SONDE_COUNT_bytes_off] + c[SONDE_COUNT_bytes_lost] +
                                           c[SONDE_COUNT_bytes_unreadable]);
  EXPECT_EQ(c[SONDE_COUNT_records_lost], 0u);
  EXPECT_EQ(c[SONDE_COUNT_unreadable_file], 2u);
}

// A door that tells nothing of AF_UNIX serves TCP, and says so.
TEST_P(DoorTest, SaysIfItDoesNotSeeUnixSockets) {
  switch_unix(false);
  auto report = prove_door(pool_, *control_, none_missed);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_GT(report->checks, 90u);
  EXPECT_EQ(report->unix_checks, 0u);
  EXPECT_EQ(report->unix_why_not,
            "0 ends of one connection were told instead of a client's and a server's");
}

// A run that the kernel skipped says nothing of the door.
TEST_P(DoorTest, IsTestedAgainIfARunWasSkippedMeanwhile) {
  switch_unix(false);
  uint64_t missed = 0;
  auto report = prove_door(pool_, *control_, [&] {
    // Asked before and after the first test: from then on nothing is in its way.
    if (++missed == 2) {
      switch_unix(true);
    }
    return missed;
  });
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->unix_why_not, "");
  EXPECT_GT(report->unix_checks, 80u);
  EXPECT_GT(missed, 2u);
  EXPECT_EQ(report->records, counts()[SONDE_COUNT_records_sent]) << "those of both tests";
}

// The first run of a program is cold, and one that was interrupted is long: neither may stand for
// the 64 of which one is timed.
TEST_P(DoorTest, NoColdRunIsTimedAndNoneForLong) {
  ASSERT_TRUE(prove_door(pool_, *control_, none_missed));
  const auto costs = CostMap(pool_).read();
  ASSERT_TRUE(costs) << costs.error().what;
  const sonde_cost& calls = (*costs)[SONDE_COST_CALLS];
  EXPECT_GT(calls.runs, 0u);
  for (const sonde_cost& cost : *costs) {
    EXPECT_LE(cost.timed * SONDE_RUNS_PER_TIMED, cost.runs);
    EXPECT_LE(cost.timed_ns, cost.timed * SONDE_LONGEST_RUN_NS);
  }
}

SONDE_FOR_EACH_DOOR(DoorTest);

}  // namespace
}  // namespace sonde
