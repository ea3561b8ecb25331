// SPDX-License-Identifier: Apache-2.0
// CRC-32C against published values, and the CPU's instruction against the tables.
#include "userspace/base/crc32c.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace sonde {
namespace {

TEST(Crc32c, PublishedValues) {
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0x00)), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  constexpr std::string_view kDigits = "123456789";
  EXPECT_EQ(crc32c({reinterpret_cast<const uint8_t*>(kDigits.data()), kDigits.size()}),
            0xe3069283u);
}

TEST(Crc32c, BothWaysAgreeAtEveryLengthAndAlignment) {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); i++) {
    bytes[i] = static_cast<uint8_t>(i * 37 + 11);
  }
  for (size_t from = 0; from < 8; from++) {
    for (size_t n = 0; n + from <= bytes.size(); n++) {
      const auto part = std::span(bytes).subspan(from, n);
      ASSERT_EQ(crc32c(part), crc32c_by_table(part));
    }
  }
}

}  // namespace
}  // namespace sonde
