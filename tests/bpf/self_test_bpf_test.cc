// SPDX-License-Identifier: Apache-2.0
// Each door proves itself on this kernel.
#include <gtest/gtest.h>

#include "tests/bpf/privilege.h"
#include "userspace/sources/door.h"
#include "userspace/sources/self_test.h"

namespace sonde {
namespace {

class DoorTest : public testing::TestWithParam<size_t> {};

TEST_P(DoorTest, ProvesItself) {
  SONDE_NEEDS_ROOT();
  const DoorKind& kind = door_kinds()[GetParam()];
  MapPool pool;
  auto door = Door::open(kind, pool, 1 << 20, 1024);
  ASSERT_TRUE(door) << door.error().what;
  auto control = ControlPage::map(pool);
  ASSERT_TRUE(control) << control.error().what;
  auto report = prove_door(pool, *control);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->self, static_cast<uint32_t>(getpid()));
  EXPECT_GT(report->checks, 90u);

  // The ledger balances, and nothing was lost.
  auto counters = CounterMap(pool).read();
  ASSERT_TRUE(counters);
  const KernelCounts& c = *counters;
  EXPECT_EQ(c[SONDE_COUNT_calls_seen], c[SONDE_COUNT_calls_shipped] + c[SONDE_COUNT_calls_counted] +
                                           c[SONDE_COUNT_calls_off] + c[SONDE_COUNT_calls_lost] +
                                           c[SONDE_COUNT_calls_unreadable]);
  EXPECT_EQ(c[SONDE_COUNT_bytes_seen], c[SONDE_COUNT_bytes_shipped] + c[SONDE_COUNT_bytes_cut] +
                                           c[SONDE_COUNT_bytes_off] + c[SONDE_COUNT_bytes_lost] +
                                           c[SONDE_COUNT_bytes_unreadable]);
  EXPECT_EQ(c[SONDE_COUNT_records_lost], 0u);
  EXPECT_EQ(c[SONDE_COUNT_unreadable_file], 2u);
}

INSTANTIATE_TEST_SUITE_P(Doors, DoorTest, testing::Range<size_t>(0, door_kinds().size()),
                         [](const auto& door) {
                           std::string name(door_kinds()[door.param].name);
                           for (char& c : name) {
                             c = c == '-' ? '_' : c;
                           }
                           return name;
                         });

}  // namespace
}  // namespace sonde
