// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace sonde {
namespace {

struct Counted {
  explicit Counted(int& alive) : alive_(alive) { ++alive_; }
  ~Counted() { --alive_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  int& alive_;
};

TEST(Pool, ObjectsBeginAndEnd) {
  Pool<Counted> pool(2);
  int alive = 0;
  std::vector<Pool<Counted>::Owner> held;
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i <= 5; ++i) {
      held.push_back(pool.make(alive));
      EXPECT_EQ(alive, i);
    }
    held.clear();
    EXPECT_EQ(alive, 0);
  }
}

TEST(Pool, ObjectsAliveHaveAPlaceEach) {
  Pool<int> pool(100);
  for (int round = 0; round < 3; ++round) {
    std::vector<Pool<int>::Owner> held;
    for (int i = 0; i < 200; ++i) {
      held.push_back(pool.make(i));
    }
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ(*held[static_cast<size_t>(i)], i);
    }
  }
}

}  // namespace
}  // namespace sonde
