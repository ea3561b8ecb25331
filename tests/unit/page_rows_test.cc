// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/page_rows.h"

#include <gtest/gtest.h>

#include "symbolizer/unwind/cfi_state.h"

namespace sonde {
namespace {

constexpr uint64_t kPage = SONDE_UNWIND_PAGE_SIZE;

constexpr sonde_rule by_stack(int32_t offset) {
  return {.cfa = SONDE_CFA_SP, .saved = 0, .offset = 0, .cfa_offset = offset};
}

struct Made {
  std::vector<sonde_row> rows;
  PageRows pages{[this](std::span<const sonde_row> some) {
    rows.insert(rows.end(), some.begin(), some.end());
    return true;
  }};

  // "page: lo=cfa_offset lo=..." of each page; an invalid rule is -.
  std::string text() {
    EXPECT_TRUE(pages.finish());
    std::string out;
    for (const RowPage& page : pages.pages()) {
      out += std::to_string(page.number) + ":";
      for (uint32_t i = page.first; i < page.first + page.count; i++) {
        const sonde_rule& rule = pages.rules().rules()[rows[i].rule];
        out += " " + std::to_string(rows[i].lo) + "=" +
               (rule.cfa == SONDE_CFA_INVALID ? "-" : std::to_string(rule.cfa_offset));
      }
      out += "\n";
    }
    return out;
  }
};

TEST(PageRows, EachPageBeginsWithTheRuleInForce) {
  Made made;
  made.pages.add(kPage + 10, by_stack(8));
  made.pages.add(kPage + 20, by_stack(16));
  made.pages.add(2 * kPage + 5, by_stack(8));
  made.pages.add(2 * kPage + 6, {});
  EXPECT_EQ(made.text(), "1: 0=- 10=8 20=16\n2: 0=16 5=8 6=-\n");
}

TEST(PageRows, ARuleMayHoldOverWholePages) {
  Made made;
  made.pages.add(kPage - 1, by_stack(8));
  made.pages.add(4 * kPage, {});
  EXPECT_EQ(made.text(), "0: 0=- 65535=8\n1: 0=8\n2: 0=8\n3: 0=8\n");
}

TEST(PageRows, ARuleThatBeginsWithItsPageIsItsFirstRow) {
  Made made;
  made.pages.add(kPage, by_stack(8));
  made.pages.add(2 * kPage, by_stack(16));
  made.pages.add(2 * kPage + 1, {});
  made.pages.add(7 * kPage, by_stack(8));
  made.pages.add(7 * kPage + 9, {});
  EXPECT_EQ(made.text(), "1: 0=8\n2: 0=16 1=-\n7: 0=8 9=-\n");
  EXPECT_EQ(made.pages.rules().rules().size(), 3U);
}

TEST(PageRows, WhereNothingIsKnownThereIsNoPage) {
  Made made;
  made.pages.add(0, {});
  made.pages.add(9 * kPage, {});
  EXPECT_EQ(made.text(), "");
}

TEST(PageRows, AStretchWithoutEndIsCut) {
  Made made;
  made.pages.add(0, by_stack(8));
  made.pages.add(kMaxPagedAddress - 1, {});
  EXPECT_TRUE(made.pages.cut());
  EXPECT_TRUE(made.pages.finish());
  EXPECT_EQ(made.pages.pages().size(), kMaxPages);

  Made high;
  high.pages.add(kMaxPagedAddress, by_stack(8));
  EXPECT_TRUE(high.pages.cut());
  EXPECT_EQ(high.text(), "");
}

TEST(PageRows, ASinkThatTakesNoMoreIsToldOf) {
  PageRows pages([](std::span<const sonde_row>) { return false; });
  pages.add(0, by_stack(8));
  EXPECT_FALSE(pages.finish());
}

TEST(RuleNumbers, BeyondTheLimitRulesAreInvalidAndCounted) {
  RuleNumbers numbers(3);
  EXPECT_EQ(numbers.number_of({}), 0);
  EXPECT_EQ(numbers.number_of(by_stack(8)), 1);
  EXPECT_EQ(numbers.number_of(by_stack(16)), 2);
  EXPECT_EQ(numbers.number_of(by_stack(8)), 1);
  EXPECT_EQ(numbers.number_of(by_stack(24)), 0);
  EXPECT_EQ(numbers.refused(), 1U);
  EXPECT_TRUE(numbers.rules()[2] == by_stack(16));
}

}  // namespace
}  // namespace sonde
