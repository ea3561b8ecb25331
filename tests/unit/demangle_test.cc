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

TEST(Demangle, Rust) {
  EXPECT_EQ(demangle("_RNvCs6xxl1lAjzDf_1a4main"), "a::main");
  EXPECT_EQ(demangle("_RNvMNtCs6xxl1lAjzDf_1a4shopINtB2_4CarthE4sellB4_"),
            "<a::shop::Cart<u8>>::sell");
  EXPECT_EQ(demangle("_RNCNvC1a4main0"), "a::main::{closure#0}");
  EXPECT_EQ(demangle("_RNvC1au8gdel_5qa"), "a::gödel");
}

TEST(Demangle, WhatUnitsOfLlvmShare) {
  EXPECT_EQ(demangle("_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17heff79985addad833E"
                     ".llvm.6371407422874041977"),
            "std::rt::lang_start::{{closure}}");
  EXPECT_EQ(demangle("_RNvCs6xxl1lAjzDf_1a4main.llvm.6371407422874041977"), "a::main");
  EXPECT_EQ(demangle("_Z1fi.llvm.6371407422874041977"), "f(int) [clone .llvm.6371407422874041977]");
  for (const char* name : {"f.llvm.1", ".llvm.", "_Z.llvm.1", "_ZN.llvm."}) {
    EXPECT_EQ(demangle(name), name);
  }
}

// As gdc 12 made them, and c++filt reads them.
TEST(Demangle, D) {
  EXPECT_EQ(demangle("_Dmain"), "D main");
  EXPECT_EQ(demangle("_D1a4Shop4sellMFAyaAiHQgiZi"),
            "a.Shop.sell(immutable(char)[], int[], int[immutable(char)[]])");
  EXPECT_EQ(demangle("_D1a4Shop6__ctorMFiZCQtQt"), "a.Shop.this(int)");
  EXPECT_EQ(demangle("_D1a4Shop6__dtorMFZv"), "a.Shop.~this()");
  EXPECT_EQ(demangle("_D1a4makeFiZ9__lambda2MFNaNbNiNfiZi"), "a.make(int).__lambda2(int)");
  EXPECT_EQ(demangle("_D1a4mainFZ__T9__lambda3TiZQnFNaNbNiNfiZb"),
            "a.main().__lambda3!(int).__lambda3(int)");
  EXPECT_EQ(demangle("_D1a__T8module_tTiZQm__T3getTdZQhMxFNaNbNiNfdZi"),
            "a.module_t!(int).module_t.get!(double).get(double) const");
  for (const char* name : {"_D", "_DYNAMIC", "_D1", "_D9a", "_D1aQ", "_D1aFQbZ", "_D1aF"}) {
    EXPECT_EQ(demangle(name), name);
  }
}

std::string d_back_to(size_t distance) {
  constexpr size_t kBase = 26;
  std::string out(1, static_cast<char>('a' + distance % kBase));
  for (size_t left = distance / kBase; left > 0; left /= kBase) {
    out.insert(out.begin(), static_cast<char>('A' + left % kBase));
  }
  return "Q" + out;
}

// Nine times nine times nine ... ints in 1,300 bytes; and as deep as a name is long.
TEST(Demangle, NamesOfDThatMeanTooMuchStayAsTheyAre) {
  std::string name = "_D1aF";
  size_t last = name.size();
  name += "B9iiiiiiiii";
  for (int level = 0; level < 40; ++level) {
    const size_t here = name.size();
    name += "B9";
    for (int i = 0; i < 9; ++i) {
      name += d_back_to(name.size() - last);
    }
    last = here;
  }
  name += "Zv";
  EXPECT_EQ(demangle(name), name);
  for (const char* each : {"P", "F", "DF", "H", "B1", "1aF", "__T1aT", "S1a", "1aFiC1b"}) {
    std::string deep = "_D1aF";
    while (deep.size() < kMaxMangled - 10) {
      deep += each;
    }
    EXPECT_LE(demangle(deep + "iZv").size(), kMaxMangled);
  }
}

TEST(Demangle, AStubKeepsItsMark) {
  EXPECT_EQ(demangle("_Z1fi@plt"), "f(int)@plt");
  EXPECT_EQ(demangle("memcpy@plt"), "memcpy@plt");
  EXPECT_EQ(demangle("@plt"), "@plt");
}

TEST(Demangle, OthersStayAsTheyAre) {
  for (const char* name : {"", "main", "_Z", "_ZN", "_Z1", "_Z99999999999f", "_R", "_RNv",
                           "_RNvC1a", "_RNvC1a9b", "i", "f"}) {
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

// Where something stood before, as the scheme writes it: in base 62, less one.
std::string back_to(size_t place) {
  constexpr std::string_view kDigits =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string out;
  size_t left = place - 1;
  do {
    out.insert(out.begin(), kDigits[left % kDigits.size()]);
    left /= kDigits.size();
  } while (left > 0);
  return "B" + out + "_";
}

// Pairs of pairs: each argument is the one before, twice.
std::string rust_pairs(int levels) {
  std::string name = "_RINvC1a1fTuuE";
  size_t last = name.find("TuuE");
  for (int i = 0; i < levels; ++i) {
    const std::string back = back_to(last - 2);
    last = name.size();
    name.append("T").append(back).append(back).append("E");
  }
  return name + "E";
}

TEST(Demangle, ARustBombStaysAsItIs) {
  EXPECT_EQ(demangle(rust_pairs(1)), "a::f::<((), ()), (((), ()), ((), ()))>");
  EXPECT_GT(demangle(rust_pairs(7)).size(), 1000u);
  EXPECT_EQ(demangle(rust_pairs(60)), rust_pairs(60));
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
