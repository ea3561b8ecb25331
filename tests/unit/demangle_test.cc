// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/demangle.h"

#include <gtest/gtest.h>

#include <string>

namespace sonde {
namespace {

TEST(Demangle, Cxx) {
  EXPECT_EQ(demangle("_ZN5sonde7CodeMap4findEm"), "sonde::CodeMap::find(unsigned long)");
  EXPECT_EQ(demangle("_Z1fi"), "f(int)");
  EXPECT_EQ(demangle("_ZNSt6vectorIiSaIiEE9push_backERKi"),
            "std::vector<int, std::allocator<int> >::push_back(int const&)");
}

TEST(Demangle, OlderRust) {
  EXPECT_EQ(demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"),
            "core::fmt::Formatter::pad");
  EXPECT_EQ(
      demangle("_ZN50_$LT$T$u20$as$u20$core..convert..Into$LT$U$GT$$GT$4into17h0123456789abcdefE"),
      "<T as core::convert::Into<U>>::into");
}

TEST(Demangle, AStubKeepsItsMark) {
  EXPECT_EQ(demangle("_Z1fi@plt"), "f(int)@plt");
  EXPECT_EQ(demangle("memcpy@plt"), "memcpy@plt");
  EXPECT_EQ(demangle("@plt"), "@plt");
}

TEST(Demangle, OthersStayAsTheyAre) {
  for (const char* name :
       {"", "main", "_Z", "_ZN", "_Z1", "_Z99999999999f", "_RNvC1a1b", "i", "f"}) {
    EXPECT_EQ(demangle(name), name);
  }
  const std::string zero("_Z1f\0i", 6);
  EXPECT_EQ(demangle(zero), zero);
}

TEST(Demangle, LongNamesStayAsTheyAre) {
  const std::string nested = "_Z" + std::string(kMaxMangled, 'P') + "i";
  EXPECT_EQ(demangle(nested), nested);
  const std::string deep = "_Z1f" + std::string(4000, 'P') + "i";
  EXPECT_FALSE(demangle(deep).empty());
}

// Each argument holds the one before it twice: 2^60 of the first.
TEST(Demangle, ABombStaysAsItIs) {
  std::string bomb = "_Z1f1AIiiE";
  std::string last = "S0_";
  for (int i = 0; i < 60; ++i) {
    bomb.append("S_I").append(last).append(last).append("E");
    last = "S" + std::string(1, static_cast<char>(i < 9 ? '1' + i : 'A' + (i - 9) % 26)) + "_";
  }
  EXPECT_LE(demangle(bomb).size(), kMaxDemangled);
}

}  // namespace
}  // namespace sonde
