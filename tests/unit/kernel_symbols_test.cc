// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/kernel_symbols.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "userspace/base/fd.h"

namespace sonde {
namespace {

std::string name_at(const KernelSymbols& symbols, uint64_t address) {
  const auto found = symbols.find(address);
  if (!found) {
    return "none";
  }
  std::string out(found->name);
  if (!found->module.empty()) {
    out += "[" + std::string(found->module) + "]";
  }
  return out + "+" + std::to_string(found->offset);
}

TEST(KernelSymbols, KernelAndModules) {
  const auto symbols = KernelSymbols::parse(
      "ffffffff81000100 t local\n"
      "ffffffff81000100 T global\n"
      "ffffffff81000000 T first\n"
      "ffffffff81000200 D data\n"
      "ffffffffc0000000 t open\t[ext4]\n"
      "ffffffffc0001000 t send\t[nf_nat]\n");
  ASSERT_TRUE(symbols.has_value()) << symbols.error().what;
  EXPECT_EQ(name_at(*symbols, 0xffffffff80ffffff), "none");
  EXPECT_EQ(name_at(*symbols, 0xffffffff810000ff), "first+255");
  EXPECT_EQ(name_at(*symbols, 0xffffffff81000104), "global+4");
  EXPECT_EQ(name_at(*symbols, 0xffffffff81000200), "none");
  EXPECT_EQ(name_at(*symbols, 0xffffffffc0000008), "open[ext4]+8");
  EXPECT_EQ(name_at(*symbols, 0xffffffffc0001000), "send[nf_nat]+0");
  EXPECT_EQ(name_at(*symbols, 0xffffffffc0001000 + KernelSymbols::kMaxFunction), "none");
  EXPECT_EQ(symbols->refused(), 0u);
}

TEST(KernelSymbols, HiddenAddressesAreTold) {
  const auto hidden = KernelSymbols::parse("0000000000000000 T a\n0000000000000000 T b\n");
  ASSERT_FALSE(hidden.has_value());
  EXPECT_EQ(hidden.error().code, EPERM);
  EXPECT_NE(hidden.error().what.find("kptr_restrict"), std::string::npos);
}

TEST(KernelSymbols, MalformedLinesAreCounted) {
  EXPECT_FALSE(KernelSymbols::parse("").has_value());
  const auto symbols = KernelSymbols::parse(
      "\nx\n10\n10 T\n10 T \n10Tx\n11111111111111111 T a\n10 T \t[m]\n20 T a\t[\n30 T b");
  ASSERT_TRUE(symbols.has_value()) << symbols.error().what;
  EXPECT_EQ(symbols->refused(), 8u);
  EXPECT_EQ(name_at(*symbols, 0x20), "a+0");
  EXPECT_EQ(name_at(*symbols, 0x31), "b+1");
}

TEST(KernelSymbols, AFileIsReadPieceByPiece) {
  std::string text;
  for (int i = 0; i < 20'000; i++) {
    text += fmt::format("{:x} T function_{}\n", 0x1000 + i * 16, i);
    if (i == 10'000) {
      text += fmt::format("10 T {}\n", std::string(70'000, 'x'));  // longer than a piece
    }
  }
  text += "7fffffff T last";
  const Fd file(::memfd_create("kallsyms", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  const auto symbols = KernelSymbols::read(file.get());
  ASSERT_TRUE(symbols.has_value()) << symbols.error().what;
  for (int i = 0; i < 20'000; i++) {
    ASSERT_EQ(name_at(*symbols, 0x1000 + i * 16), fmt::format("function_{}+0", i));
  }
  EXPECT_EQ(name_at(*symbols, 0x7fffffff), "last+0");
  EXPECT_EQ(symbols->refused(), 1u) << "the long line's end, which looks like no line";
}

TEST(KernelSymbols, OfThisMachine) {
  const auto symbols = KernelSymbols::read();
  if (!symbols) {
    GTEST_SKIP() << symbols.error().what;
  }
  EXPECT_GT(symbols->size(), 1000u);
}

}  // namespace
}  // namespace sonde
