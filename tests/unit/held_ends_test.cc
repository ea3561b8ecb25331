// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/held_ends.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

std::vector<sonde_close_record> ends_of(uint64_t first, uint64_t second) {
  std::vector<sonde_close_record> out(2);
  out[0].header.connection = first;
  out[1].header.connection = second;
  return out;
}

TEST(HeldEndsTest, AreDueOnceAllBeforeThemIsRead) {
  HeldEnds held;
  held.hold(ends_of(7, 8), 4096);
  EXPECT_TRUE(held.due(0).empty());
  EXPECT_TRUE(held.due(4095).empty()) << "a record before them is not finished";
  EXPECT_FALSE(held.empty());
  const std::vector<sonde_close_record> due = held.due(4096);
  ASSERT_EQ(due.size(), 2u);
  EXPECT_EQ(due[0].header.connection, 7u);
  EXPECT_EQ(due[1].header.connection, 8u);
  EXPECT_TRUE(held.empty());
  EXPECT_TRUE(held.due(8192).empty()) << "told once";
}

TEST(HeldEndsTest, TheNextOnesWaitForTheirOwnPosition) {
  HeldEnds held;
  held.hold(ends_of(7, 8), 100);
  EXPECT_EQ(held.due(150).size(), 2u);
  held.hold(ends_of(9, 10), 200);
  EXPECT_TRUE(held.due(150).empty());
  EXPECT_EQ(held.due(1000).size(), 2u);
}

}  // namespace
}  // namespace sonde
