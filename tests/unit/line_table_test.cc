// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/line_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "symbolizer/lines/line_table_writer.h"
#include "tests/support/scratch_file.h"
#include "userspace/base/crc32c.h"

namespace sonde {
namespace {

constexpr uint32_t kNone = LineTableWriter::kNone;

// "function file:line < caller file:line"
std::string frames_at(const LineTable& table, uint64_t address) {
  std::vector<LineFrame> frames;
  table.find(address, frames);
  std::string out;
  for (const LineFrame& frame : frames) {
    out += out.empty() ? "" : " < ";
    out += std::string(frame.function) + " " + std::string(frame.file) + ":" +
           std::to_string(frame.line);
  }
  return out;
}

// outer() from 0x1010 on, with inner() inlined at 0x1018; then lines of nobody's function.
std::string small_table() {
  const Fd file = scratch_file();
  LineTableWriter writer(file.get(), 0x1000, 10);
  const uint32_t source = writer.name("a.c");
  const uint32_t outer = writer.node(writer.name("outer"), kNone, kNone);
  const uint32_t inner = writer.node(writer.name("inner"), outer, writer.place(source, 7));
  writer.row(0x1020, outer, writer.place(source, 8));
  writer.row(0x1010, outer, writer.place(source, 6));
  writer.row(0x1018, inner, writer.place(writer.name("b.h"), 2));
  writer.row(0x1030, kNone, kNone);
  writer.row(0x1030, kNone, writer.place(source, 20));
  writer.row(0x1040, kNone, kNone);
  const auto written = writer.finish();
  EXPECT_TRUE(written.has_value());
  EXPECT_EQ(written->left_out, 0u);
  std::string bytes = bytes_of_file(file.get());
  EXPECT_EQ(written->bytes, bytes.size());
  return bytes;
}

TEST(LineTable, Finds) {
  const std::string bytes = small_table();
  const auto table = LineTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  EXPECT_EQ(table->rows(), 5u);
  EXPECT_EQ(frames_at(*table, 0), "");
  EXPECT_EQ(frames_at(*table, 0x100f), "");
  EXPECT_EQ(frames_at(*table, 0x1010), "outer a.c:6");
  EXPECT_EQ(frames_at(*table, 0x1017), "outer a.c:6");
  EXPECT_EQ(frames_at(*table, 0x1018), "inner b.h:2 < outer a.c:7");
  EXPECT_EQ(frames_at(*table, 0x1020), "outer a.c:8");
  EXPECT_EQ(frames_at(*table, 0x1030), " a.c:20");
  EXPECT_EQ(frames_at(*table, 0x1040), "");
  EXPECT_EQ(frames_at(*table, UINT64_MAX), "");
}

TEST(LineTable, Empty) {
  const Fd file = scratch_file();
  ASSERT_TRUE(LineTableWriter(file.get(), 0, 0).finish().has_value());
  const std::string bytes = bytes_of_file(file.get());
  const auto table = LineTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  EXPECT_EQ(frames_at(*table, 0), "");
}

TEST(LineTable, NoByteMayChange) {
  const std::string good = small_table();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(LineTable::over(bad).has_value()) << i;
    EXPECT_FALSE(LineTable::over(good.substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(LineTable::over(good + "x").has_value());
}

// Each four bytes, made as large as can be, under a checksum that is right: refused, or harmless.
TEST(LineTable, ARightChecksumIsNotEnough) {
  const std::string good = small_table();
  using line_format::Header;
  size_t refused = 0;
  for (size_t i = line_format::kChecked; i + 4 <= good.size(); i += 4) {
    std::string bad = good;
    std::memset(bad.data() + i, 0x7f, 4);
    const auto* const bytes = reinterpret_cast<const uint8_t*>(bad.data());
    const uint32_t body = crc32c({bytes + sizeof(Header), bad.size() - sizeof(Header)});
    const uint32_t sum =
        crc32c({bytes + line_format::kChecked, sizeof(Header) - line_format::kChecked}, body);
    std::memcpy(bad.data() + offsetof(Header, checksum), &sum, sizeof(sum));
    const auto table = LineTable::over(bad);
    refused += table ? 0 : 1;
    for (uint64_t address = 0x1000; table && address < 0x1050; ++address) {
      (void)frames_at(*table, address);
    }
  }
  EXPECT_GT(refused, 20u);
}

TEST(LineTable, AChainOfCallersEnds) {
  const Fd file = scratch_file();
  LineTableWriter writer(file.get(), 0, 1);
  const uint32_t name = writer.name("again");
  uint32_t node = kNone;
  for (size_t i = 0; i < 2 * LineTable::kMaxFrames; ++i) {
    node = writer.node(name, node, kNone);
  }
  writer.row(0, node, kNone);
  ASSERT_TRUE(writer.finish().has_value());
  const std::string bytes = bytes_of_file(file.get());
  std::vector<LineFrame> frames;
  LineTable::over(bytes)->find(0, frames);
  EXPECT_EQ(frames.size(), LineTable::kMaxFrames);
}

TEST(LineTableWriter, WhatIsTooFarIsCounted) {
  const Fd file = scratch_file();
  LineTableWriter writer(file.get(), 0x1000, 2);
  writer.row(0xfff, kNone, kNone);
  writer.row(0x1000 + (uint64_t{1} << 32), kNone, kNone);
  const auto written = writer.finish();
  ASSERT_TRUE(written.has_value());
  EXPECT_EQ(written->left_out, 2u);
}

TEST(LineTableWriter, AFullDiskIsAnError) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  LineTableWriter writer(full.get(), 0, 0);
  EXPECT_FALSE(writer.finish().has_value());
}

}  // namespace
}  // namespace sonde
