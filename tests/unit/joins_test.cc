// SPDX-License-Identifier: Apache-2.0
// Both ends of a connection find each other, and count what they both see once.
#include "userspace/pipeline/joins.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sonde {
namespace {

TEST(Joins, WhatOneCallsNearTheOtherCallsFar) {
  Joins joins;
  const Joins::End client = joins.open(11, 22, Pid{1});
  EXPECT_EQ(client.join(), nullptr) << "nobody is at the other end yet";
  const Joins::End server = joins.open(22, 11, Pid{2});
  ASSERT_NE(client.join(), nullptr);
  EXPECT_EQ(client.join(), server.join());
  EXPECT_EQ(client.other_pid(), Pid{2});
  EXPECT_EQ(server.other_pid(), Pid{1});
  EXPECT_EQ(joins.counters().ends, 2u);
  EXPECT_EQ(joins.counters().joined, 1u);
}

TEST(Joins, OthersStayApart) {
  Joins joins;
  const Joins::End a = joins.open(11, 22, Pid{1});
  const Joins::End b = joins.open(11, 23, Pid{2});
  const Joins::End nameless = joins.open(0, 0, Pid{3});
  const Joins::End itself = joins.open(5, 5, Pid{4});
  for (const Joins::End* end : {&a, &b, &nameless, &itself}) {
    EXPECT_EQ(end->join(), nullptr);
  }
  EXPECT_EQ(joins.counters().nameless, 2u);
  EXPECT_EQ(joins.size(), 2u);
}

TEST(Joins, NothingIsLeftWhenTheEndsAreGone) {
  Joins joins;
  {
    std::vector<Joins::End> ends;
    for (uint64_t i = 1; i <= 1000; ++i) {
      ends.push_back(joins.open(i, i + 5000, Pid{1}));
      if (i % 2 != 0) {
        ends.push_back(joins.open(i + 5000, i, Pid{2}));
      }
    }
    EXPECT_EQ(joins.size(), 1000u);
    EXPECT_EQ(joins.counters().joined, 500u);
  }
  EXPECT_EQ(joins.size(), 0u);
}

TEST(Joins, TheLastEndKnowsTheOtherThoughItLeft) {
  Joins joins;
  const Joins::End client = joins.open(11, 22, Pid{1});
  {
    const Joins::End server = joins.open(22, 11, Pid{2});
  }
  ASSERT_NE(client.join(), nullptr);
  EXPECT_EQ(client.other_pid(), Pid{2});
}

TEST(Joins, NamesThatComeAgainAreANewConnection) {
  Joins joins;
  const Joins::End old_client = joins.open(11, 22, Pid{1});
  const Joins::End old_server = joins.open(22, 11, Pid{2});
  const Joins::End client = joins.open(11, 22, Pid{3});
  EXPECT_EQ(client.join(), nullptr);
  EXPECT_EQ(old_server.other_pid(), Pid{1});
  const Joins::End server = joins.open(22, 11, Pid{4});
  EXPECT_EQ(client.other_pid(), Pid{4});
}

TEST(Join, WhoIsFirstCounts) {
  Join join;
  uint64_t counted = 0;
  const auto tell = [&](uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; ++i) {
      counted += join.count({.exchanges = i}, false).first ? 1 : 0;
    }
  };
  tell(1, 1);
  tell(1, 1);   // the other end
  tell(2, 20);  // a server with a pipelining client
  tell(2, 25);  // ... who comes later and knows more
  tell(21, 30);
  EXPECT_EQ(counted, 30u);
}

TEST(Join, AFailureAtEitherEndIsOne) {
  Join join;
  EXPECT_TRUE(join.count({1, 1}, true).failed);
  EXPECT_FALSE(join.count({1, 1}, true).failed) << "said already";
  EXPECT_FALSE(join.count({2, 1}, false).failed);
  EXPECT_TRUE(join.count({2, 2}, true).failed) << "a failure to the client only";
  EXPECT_FALSE(join.count({3, 2}, true).failed);
  EXPECT_TRUE(join.count({4, 2}, false).first);
}

TEST(Join, TwoThreadsCountEachExchangeOnce) {
  constexpr uint64_t kExchanges = 100'000;
  Join join;
  std::array<uint64_t, 2> first{};
  std::array<uint64_t, 2> failed{};
  {
    std::vector<std::jthread> ends;
    for (size_t end = 0; end < 2; ++end) {
      ends.emplace_back([&, end] {
        Join::Told told;
        for (uint64_t i = 1; i <= kExchanges; ++i) {
          const bool fails = i % (end == 0 ? 10 : 20) == 0;  // the first is the client
          told.exchanges++;
          told.failures += fails ? 1 : 0;
          const Join::Count count = join.count(told, fails);
          first[end] += count.first ? 1 : 0;
          failed[end] += count.failed ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(first[0] + first[1], kExchanges);
  EXPECT_EQ(failed[0] + failed[1], kExchanges / 10);
}

}  // namespace
}  // namespace sonde
