// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/claimed_code.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sonde {
namespace {

std::string text_of(const std::vector<CodeRange>& ranges) {
  std::string out;
  for (const auto& [begin, end] : ranges) {
    out += std::to_string(begin) + "-" + std::to_string(end) + " ";
  }
  return out;
}

TEST(ClaimedCode, TheFirstHolds) {
  ClaimedCode code;
  EXPECT_EQ(text_of(code.claim({{30, 40}, {10, 20}})), "10-20 30-40 ");
  EXPECT_EQ(text_of(code.claim({{10, 20}})), "");
  EXPECT_EQ(text_of(code.claim({{5, 50}})), "5-10 20-30 40-50 ");
  EXPECT_EQ(text_of(code.claim({{0, 60}})), "0-5 50-60 ");
  EXPECT_EQ(text_of(code.claim({{7, 7}, {9, 3}})), "");
}

TEST(ClaimedCode, NoneTwiceInOneClaim) {
  ClaimedCode code;
  EXPECT_EQ(text_of(code.claim({{10, 20}, {15, 25}, {10, 12}, {25, 30}})), "10-20 20-25 25-30 ");
  EXPECT_EQ(text_of(code.claim({{0, 100}})), "0-10 30-100 ");
}

TEST(ClaimedCode, AnyClaimsAgainstABitEach) {
  constexpr uint64_t kSize = 64;
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    ClaimedCode code;
    std::string taken(kSize, '.');
    for (int claims = 0; claims < 12; ++claims) {
      std::vector<CodeRange> wanted;
      for (int i = 0; i < 3; ++i) {
        wanted.push_back({random() % kSize, random() % (kSize + 1)});
      }
      std::string expected(kSize, '.');
      for (const auto& [begin, end] : wanted) {
        for (uint64_t at = begin; at < end; ++at) {
          expected[at] = taken[at] == '.' ? '#' : '.';
        }
      }
      std::string got(kSize, '.');
      for (const auto& [begin, end] : code.claim(wanted)) {
        for (uint64_t at = begin; at < end; ++at) {
          EXPECT_EQ(got[at], '.');
          got[at] = taken[at] = '#';
        }
      }
      ASSERT_EQ(got, expected);
    }
  }
}

}  // namespace
}  // namespace sonde
