// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/trampolines.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "symbolizer/unwind/rows_file.h"

namespace sonde {
namespace {

// As CPython 3.12 and 3.13 assemble it, with Debian's flags.
constexpr std::array<uint8_t, 16> kCode = {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 0x08,
                                           0xff, 0xd1, 0x48, 0x83, 0xc4, 0x08, 0xc3, 0x00};

TEST(Trampolines, AreKnownByTheirCode) {
  const std::span<const uint8_t> code(kCode);
  EXPECT_TRUE(begins_with_trampoline(code));
  EXPECT_TRUE(begins_with_trampoline(code.subspan(4)));  // without the landing pad
  for (size_t size = 0; size < 15; size++) {
    EXPECT_FALSE(begins_with_trampoline(code.first(size))) << size;
  }
  for (size_t i = 0; i < 15; i++) {
    std::array<uint8_t, 16> other = kCode;
    other.at(i) ^= 1;
    EXPECT_FALSE(begins_with_trampoline(other)) << i;
  }
}

TEST(Trampolines, OfAProcess) {
  constexpr size_t kSize = 65536;
  void* at = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  Mapping mapping;
  mapping.start = reinterpret_cast<uint64_t>(at);
  mapping.end = mapping.start + kSize;
  const auto self = static_cast<Pid>(::getpid());
  EXPECT_FALSE(holds_trampolines(self, mapping));
  std::ranges::copy(kCode, static_cast<uint8_t*>(at));
  EXPECT_TRUE(holds_trampolines(self, mapping));
  EXPECT_FALSE(holds_trampolines(self, mapping, "/nowhere"));
  ::munmap(at, kSize);
  EXPECT_FALSE(holds_trampolines(self, mapping));
}

TEST(Trampolines, HaveOneRuleAsFarAsTheyReach) {
  const auto rows = RowsFile::make("trampolines", size_t{1} << 20, make_trampoline_rows);
  ASSERT_TRUE(rows.has_value()) << rows.error().what;
  for (const uint64_t address : {uint64_t{9}, uint64_t{65536}, kMaxTrampolineBytes - 1}) {
    const sonde_rule rule = rows->view().rule_at(address);
    EXPECT_EQ(rule.cfa, SONDE_CFA_SP) << address;
    EXPECT_EQ(rule.cfa_offset, 16) << address;
  }
  EXPECT_EQ(rows->view().rule_at(kMaxTrampolineBytes).cfa, SONDE_CFA_INVALID);
}

}  // namespace
}  // namespace sonde
