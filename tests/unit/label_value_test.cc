// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/label_value.h"

#include <gtest/gtest.h>

#include <string>

namespace sonde {
namespace {

std::string cleaned(std::string_view raw) {
  std::string out = "before ";
  append_label_value(raw, out);
  return out.substr(7);
}

TEST(LabelValue, Utf8StaysAndTheRestIsEscaped) {
  EXPECT_EQ(cleaned("GET"), "GET");
  EXPECT_EQ(cleaned(""), "");
  EXPECT_EQ(cleaned("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "café € 😀");
  EXPECT_EQ(cleaned("a\nb\x7f"), "a\\x0ab\\x7f");
  EXPECT_EQ(cleaned(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(cleaned("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(cleaned("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "surrogate";
  EXPECT_EQ(cleaned("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond Unicode";
  EXPECT_EQ(cleaned("\xe2\x82"), "\\xe2\\x82") << "cut short";
  EXPECT_EQ(cleaned("\xff"), "\\xff");
}

TEST(LabelValue, LongValuesAreCutBetweenCharacters) {
  std::string out;
  EXPECT_FALSE(append_label_value(std::string(kMaxLabelBytes, 'a'), out));
  EXPECT_EQ(out.size(), kMaxLabelBytes);

  out.clear();
  EXPECT_TRUE(append_label_value(std::string(kMaxLabelBytes + 1, 'a'), out));
  EXPECT_EQ(out, std::string(kMaxLabelBytes - kCutMarker.size(), 'a') + "…");

  std::string euros;
  for (int i = 0; i < 1000; ++i) {
    euros += "€";
  }
  out.clear();
  EXPECT_TRUE(append_label_value(euros, out));
  EXPECT_LE(out.size(), kMaxLabelBytes);
  EXPECT_TRUE(out.ends_with("€…"));

  out.clear();
  EXPECT_TRUE(append_label_value(std::string(70'000, '\xff'), out));
  EXPECT_LE(out.size(), kMaxLabelBytes);
  EXPECT_TRUE(out.ends_with("\\xff…"));
}

}  // namespace
}  // namespace sonde
