// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/jit_dump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace sonde {
namespace {

template <typename... Values>
std::string bytes(Values... values) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
  return out;
}

std::string header(uint32_t magic = 0x4A695444, uint32_t version = 1, uint32_t size = 40) {
  return bytes(magic, version, size, 62u, 0u, 1u, uint64_t{0}, uint64_t{0});
}

std::string record(uint32_t kind, const std::string& body) {
  return bytes(kind, static_cast<uint32_t>(16 + body.size()), uint64_t{0}) + body;
}

std::string load(uint64_t address, const std::string& name, uint64_t size = 4) {
  return record(0, bytes(1u, 1u, address, address, size, uint64_t{0}) + name + '\0' +
                       std::string(size < 100 ? size : 0, '\x90'));
}

std::string move(uint64_t from, uint64_t to) {
  return record(1, bytes(1u, 1u, to, from, to, uint64_t{4}, uint64_t{0}));
}

std::string line(uint64_t address, uint32_t number, const std::string& file) {
  return bytes(address, number, 0u) + file + '\0';
}

std::string name_at(const JitRecords& records, uint64_t address) {
  const auto found = records.code().find(address);
  return found ? std::string(found->name) : "none";
}

std::string line_at(const JitRecords& records, uint64_t address) {
  const auto found = records.line_at(address);
  return found ? std::string(found->file) + ":" + std::to_string(found->line) : "none";
}

TEST(JitRecords, LoadsAndMoves) {
  JitRecords records;
  const std::string all = header() + load(0x1000, "a") + move(0x1000, 0x2000) + record(3, "");
  const auto done = records.read(all);
  ASSERT_TRUE(done.has_value()) << done.error().what;
  EXPECT_EQ(*done, all.size());
  EXPECT_EQ(name_at(records, 0x1000), "none");
  EXPECT_EQ(name_at(records, 0x2003), "a");
  EXPECT_TRUE(records.counts().closed);
  EXPECT_EQ(records.counts().moved, 1u);
}

TEST(JitRecords, Lines) {
  JitRecords records;
  const std::string table = bytes(uint64_t{0x1000}, uint64_t{3}) + line(0x1002, 8, "\xff") +
                            line(0x1000, 7, "f.js") + line(0x1003, 9, "\xff");
  // The first line names no file: nothing to go on from.
  ASSERT_TRUE(records.read(header() + record(2, table)).has_value());
  EXPECT_EQ(records.counts().refused, 1u);
  const std::string good = bytes(uint64_t{0x1000}, uint64_t{3}) + line(0x1002, 8, "f.js") +
                           line(0x1000, 7, "\xff") + line(0x1003, 9, "g.js");
  ASSERT_TRUE(records.read(record(2, good) + load(0x1000, "a")).has_value());
  EXPECT_EQ(line_at(records, 0x1000), "f.js:7");
  EXPECT_EQ(line_at(records, 0x1001), "f.js:7");
  EXPECT_EQ(line_at(records, 0x1003), "g.js:9");
  EXPECT_EQ(line_at(records, 0x1004), "none");
  ASSERT_TRUE(records.read(move(0x1000, 0x5000)).has_value());
  EXPECT_EQ(line_at(records, 0x5002), "f.js:8");
  EXPECT_EQ(line_at(records, 0x1002), "none");
}

TEST(JitRecords, AnyPieces) {
  const std::string all = header() + load(0x1000, "a") + load(0x2000, "b");
  for (size_t piece = 1; piece < all.size(); ++piece) {
    JitRecords records;
    std::string rest;
    for (size_t at = 0; at < all.size(); at += piece) {
      rest += all.substr(at, piece);
      const auto done = records.read(rest);
      ASSERT_TRUE(done.has_value()) << done.error().what;
      ASSERT_LE(*done, rest.size());
      rest.erase(0, *done);
    }
    EXPECT_EQ(rest, "");
    EXPECT_EQ(records.counts().loaded, 2u) << piece;
  }
}

TEST(JitRecords, NoSuchFile) {
  EXPECT_FALSE(JitRecords().read(header(0x4A695445)).has_value());
  EXPECT_FALSE(JitRecords().read(header(0x4454694A)).has_value());
  EXPECT_FALSE(JitRecords().read(header(0x4A695444, 2)).has_value());
  EXPECT_FALSE(JitRecords().read(header(0x4A695444, 1, 0)).has_value());
  EXPECT_FALSE(JitRecords().read(header(0x4A695444, 1, 1u << 30)).has_value());
}

TEST(JitRecords, Hostile) {
  JitRecords records;
  // No end of the name; a body that is cut; a count beyond the body; a kind that is none.
  const std::string all =
      header() +
      record(0, bytes(1u, 1u, uint64_t{1}, uint64_t{1}, uint64_t{1}, uint64_t{1}) + "name") +
      record(0, "x") + record(1, "") + record(2, bytes(uint64_t{1}, UINT64_MAX)) + record(99, "x") +
      load(0x1000, "too long", UINT64_MAX) + load(0x1000, "good");
  const auto done = records.read(all);
  ASSERT_TRUE(done.has_value()) << done.error().what;
  EXPECT_EQ(*done, all.size());
  EXPECT_EQ(records.counts().malformed, 4u);
  EXPECT_EQ(records.counts().unknown, 1u);
  EXPECT_EQ(records.counts().refused, 1u);
  EXPECT_EQ(name_at(records, 0x1000), "good");
}

TEST(JitRecords, ARecordOfNoSizeEndsIt) {
  JitRecords records;
  EXPECT_FALSE(records.read(header() + bytes(0u, 15u, uint64_t{0})).has_value());
}

TEST(JitRecords, AHugeRecordIsPassedOver) {
  JitRecords records;
  const auto done = records.read(header() + bytes(0u, UINT32_MAX, uint64_t{0}));
  ASSERT_TRUE(done.has_value()) << done.error().what;
  EXPECT_EQ(*done, uint64_t{40} + UINT32_MAX);
  EXPECT_EQ(records.counts().refused, 1u);
}

TEST(JitDump, GrowsAsAFile) {
  const Fd proc(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string path = testing::TempDir() + "jit-" + std::to_string(::getpid()) + ".dump";
  const std::string second = load(0x2000, "b");
  std::ofstream(path) << header() << load(0x1000, "a") << second.substr(0, 20);
  auto dump = JitDump::open(proc.get(), path);
  ASSERT_TRUE(dump.has_value()) << dump.error().what;
  EXPECT_EQ(name_at(dump->records(), 0x1000), "a");
  std::ofstream(path, std::ios::app) << second.substr(20);
  ASSERT_TRUE(dump->refresh().has_value());
  EXPECT_EQ(name_at(dump->records(), 0x2000), "b");
  std::filesystem::remove(path);
}

TEST(JitDump, SomebodyElsesIsRefused) {
  const Fd proc(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string path = testing::TempDir() + "jit-others-" + std::to_string(::getpid());
  std::ofstream(path) << header() << load(0x1000, "a");
  const bool given = ::chown(path.c_str(), 65534, 65534) == 0;
  const auto dump = JitDump::open(proc.get(), path);
  std::filesystem::remove(path);
  if (!given) {
    GTEST_SKIP() << "may not give a file away";
  }
  ASSERT_FALSE(dump.has_value());
  EXPECT_NE(dump.error().what.find("is user 65534's"), std::string::npos) << dump.error().what;
}

}  // namespace
}  // namespace sonde
