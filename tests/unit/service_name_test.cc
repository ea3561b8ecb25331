// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/service_name.h"

#include <gtest/gtest.h>

#include <fstream>

#include "userspace/inventory/printable.h"
#include "userspace/inventory/process.h"

namespace sonde {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  while (text.ends_with(' ')) {
    text.remove_suffix(1);
  }
  return text == "-" ? std::string_view() : text;
}

TEST(ServiceName, Table) {
  std::ifstream file(SONDE_TEST_DATA "/names/programs.case");
  size_t cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') {
      continue;
    }
    std::vector<std::string_view> words;
    for (std::string_view rest = line;;) {
      const size_t end = rest.find(" | ");
      words.push_back(trimmed(rest.substr(0, end)));
      if (end == std::string_view::npos) {
        break;
      }
      rest.remove_prefix(end + 3);
    }
    ASSERT_GE(words.size(), 2u) << line;
    EXPECT_EQ(service_name(words[1], std::span(words).subspan(2), "comm"), words[0]) << line;
    ++cases;
  }
  EXPECT_GT(cases, 80u);
}

TEST(ServiceName, NeverEmptyNorLong) {
  EXPECT_EQ(service_name("", {}, ""), "unknown");
  EXPECT_EQ(service_name("/" + std::string(5000, 'x'), {}, "").size(), kMaxServiceName);
  const std::vector<std::string_view> flags(10'000, "-x");
  EXPECT_EQ(service_name("/usr/bin/python3", flags, ""), "python");
}

TEST(ServiceName, IsFitToBeShown) {
  EXPECT_EQ(service_name("/a\nb\x1b[0m", {}, ""), "a_b_[0m");
  EXPECT_EQ(service_name("/\xff\xc3\xa9", {}, ""), "_\xc3\xa9");
}

TEST(Printable, KeepsUtf8AndNothingElse) {
  EXPECT_EQ(printable("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 99),
            "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\xc0\xaf", 99), "__");            // longer than needed
  EXPECT_EQ(printable("\xe0\x80\xaf", 99), "___");       // longer than needed
  EXPECT_EQ(printable("\xed\xa0\x80", 99), "___");       // half of a pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80", 99), "____");  // beyond the last
  EXPECT_EQ(printable("\xc2\x9b", 99), "__");            // a terminal's control sequence
  EXPECT_EQ(printable("\xe2\x82", 99), "__");            // cut
  EXPECT_EQ(printable("a\xe2\x82\xac", 3), "a");         // does not fit
  EXPECT_EQ(printable(std::string_view("\0\x7f", 2), 99), "__");
}

}  // namespace
}  // namespace sonde
