// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/code_map.h"

#include <gtest/gtest.h>

#include <string>

namespace sonde {
namespace {

std::string name_at(const CodeMap& code, uint64_t address) {
  const auto found = code.find(address);
  return found ? std::string(found->name) : "none";
}

TEST(CodeMap, EndsAreOutside) {
  CodeMap code;
  EXPECT_EQ(name_at(code, 0), "none");
  ASSERT_TRUE(code.define(0x1000, 0x10, "a"));
  EXPECT_EQ(name_at(code, 0xfff), "none");
  EXPECT_EQ(name_at(code, 0x1000), "a");
  EXPECT_EQ(name_at(code, 0x100f), "a");
  EXPECT_EQ(name_at(code, 0x1010), "none");
}

TEST(CodeMap, TheLastDefinitionHolds) {
  CodeMap code;
  ASSERT_TRUE(code.define(0x1000, 0x100, "old"));
  ASSERT_TRUE(code.define(0x1040, 0x10, "new"));
  EXPECT_EQ(name_at(code, 0x103f), "old");
  EXPECT_EQ(name_at(code, 0x1040), "new");
  EXPECT_EQ(name_at(code, 0x1050), "old");
  ASSERT_TRUE(code.define(0x0ff0, 0x200, "all"));
  EXPECT_EQ(code.size(), 1u);
  EXPECT_EQ(name_at(code, 0x1040), "all");
}

TEST(CodeMap, OverlapsAtBothEnds) {
  CodeMap code;
  ASSERT_TRUE(code.define(10, 10, "left"));
  ASSERT_TRUE(code.define(30, 10, "right"));
  ASSERT_TRUE(code.define(15, 20, "middle"));
  EXPECT_EQ(name_at(code, 14), "left");
  EXPECT_EQ(name_at(code, 15), "middle");
  EXPECT_EQ(name_at(code, 34), "middle");
  EXPECT_EQ(name_at(code, 35), "right");
  EXPECT_EQ(code.find(35)->start, 35u);
}

TEST(CodeMap, RefusesWhatIsNoRange) {
  CodeMap code;
  EXPECT_FALSE(code.define(1, 0, "empty"));
  EXPECT_FALSE(code.define(UINT64_MAX, 1, "past the end"));
  EXPECT_FALSE(code.define(2, UINT64_MAX - 1, "past the end"));
  EXPECT_TRUE(code.define(0, UINT64_MAX, "all"));
  EXPECT_EQ(code.refused(), 3u);
}

TEST(CodeMap, Moves) {
  CodeMap code;
  ASSERT_TRUE(code.define(10, 10, "a"));
  ASSERT_TRUE(code.define(100, 10, "b"));
  EXPECT_FALSE(code.move(11, 50));
  ASSERT_TRUE(code.move(10, 100));
  EXPECT_EQ(name_at(code, 10), "none");
  EXPECT_EQ(name_at(code, 100), "a");
  EXPECT_EQ(code.size(), 1u);
}

TEST(CodeMap, IsFullAtItsCap) {
  CodeMap code;
  for (uint64_t i = 0; i < CodeMap::kMaxCodes + 10; ++i) {
    code.define(i * 2, 1, "x");
  }
  EXPECT_LE(code.size(), CodeMap::kMaxCodes);
  EXPECT_GT(code.refused(), 0u);
}

TEST(CodeMap, NamesOfCodeThatIsGoneMakeRoom) {
  CodeMap code;
  const std::string name(CodeMap::kMaxName + 100, 'x');
  for (size_t i = 0; i < 3 * CodeMap::kMaxNameBytes / CodeMap::kMaxName; ++i) {
    ASSERT_TRUE(code.define(10 + i % 7 * 10, 10, name));
  }
  EXPECT_EQ(code.refused(), 0u);
  EXPECT_EQ(name_at(code, 25), name.substr(0, CodeMap::kMaxName));
}

}  // namespace
}  // namespace sonde
