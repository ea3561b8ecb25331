// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/perf_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sonde {
namespace {

std::string name_at(const CodeMap& code, uint64_t address) {
  const auto found = code.find(address);
  return found ? std::string(found->name) : "none";
}

TEST(PerfMapText, Lines) {
  CodeMap code;
  uint64_t malformed = 0;
  const std::string text = "1000 10 LazyCompile:~a b.js:3\n0x2000 0x20 py::f\r\n3000 10 part";
  EXPECT_EQ(read_perf_map(text, code, malformed), text.rfind('\n') + 1);
  EXPECT_EQ(malformed, 0u);
  EXPECT_EQ(name_at(code, 0x1008), "LazyCompile:~a b.js:3");
  EXPECT_EQ(name_at(code, 0x2000), "py::f");
  EXPECT_EQ(name_at(code, 0x3000), "none");
}

// As .NET writes it: capital digits, signatures, and since Core 3 how a method was compiled.
TEST(PerfMapText, DotNet) {
  CodeMap code;
  uint64_t malformed = 0;
  read_perf_map(
      "00007F64DAA11FE0 d int32 [Hot] Hot::HotCaller(int32)\n"
      "00007F64DAA12010 3f int32 [Hot] Hot::HotLeaf(int32)[Tier0]\n"
      "00007FE62D7C04D0 2d instance System.__Canon /* MT: 0x00007FE62D5F9938 */ "
      "[System.Private.CoreLib] dynamicClass::IL_STUB_UnboxingStub()[OptimizedTier1]\n",
      code, malformed);
  EXPECT_EQ(malformed, 0u);
  EXPECT_EQ(name_at(code, 0x7f64daa11fec), "int32 [Hot] Hot::HotCaller(int32)");
  EXPECT_EQ(name_at(code, 0x7f64daa11fed), "none");
  EXPECT_EQ(name_at(code, 0x7f64daa12011), "int32 [Hot] Hot::HotLeaf(int32)[Tier0]");
  EXPECT_EQ(name_at(code, 0x7fe62d7c04d0),
            "instance System.__Canon /* MT: 0x00007FE62D5F9938 */ [System.Private.CoreLib] "
            "dynamicClass::IL_STUB_UnboxingStub()[OptimizedTier1]");
}

TEST(PerfMapText, SaysNothing) {
  for (const char* line : {"", " ", "1000", "1000 10", "1000 10 ", "x 10 a", "-1 10 a",
                           "1000  10 a", "11111111111111111 1 a", "0x 1 a", "1000\t10 a"}) {
    CodeMap code;
    uint64_t malformed = 0;
    read_perf_map(std::string(line) + "\n", code, malformed);
    EXPECT_EQ(malformed, 1u) << line;
    EXPECT_EQ(code.size(), 0u) << line;
  }
}

TEST(TargetProcess, Status) {
  const auto facts = parse_target_process(
      "Name:\tUid:\nPid:\t77\nUid:\t1\t2\t3\t4\nNStgid:\t77\t5\nNSpid:\t77\t9\t5\n");
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->user, 2u);
  EXPECT_EQ(facts->own_pid, 5u);
  const auto old = parse_target_process("Pid:\t77\nUid:\t1\t2\t3\t4\n");
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->own_pid, 77u);
  EXPECT_FALSE(parse_target_process("").has_value());
  EXPECT_FALSE(parse_target_process("Pid:\t77\nUid:\t1\n").has_value());
  EXPECT_FALSE(parse_target_process("NSpid:\t7x\nUid:\t1\t2\n").has_value());
}

// This process's own map, where every process's is.
class PerfMapFile : public testing::Test {
 protected:
  PerfMapFile() : proc_(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }

  void append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  Fd proc_;
  const std::string path_ = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
};

TEST_F(PerfMapFile, NoneIsAnError) { EXPECT_FALSE(PerfMap::open(proc_.get()).has_value()); }

TEST_F(PerfMapFile, Grows) {
  append("1000 10 a\n2000 10 b");
  auto map = PerfMap::open(proc_.get());
  ASSERT_TRUE(map.has_value()) << map.error().what;
  EXPECT_EQ(name_at(map->code(), 0x1000), "a");
  EXPECT_EQ(name_at(map->code(), 0x2000), "none");
  append("c\n1000 10 newer\n");
  ASSERT_TRUE(map->refresh().has_value());
  EXPECT_EQ(name_at(map->code(), 0x1000), "newer");
  EXPECT_EQ(name_at(map->code(), 0x2000), "bc");
}

TEST_F(PerfMapFile, WrittenAnewIsReadAnew) {
  append("1000 10 a\n2000 10 b\n");
  auto map = PerfMap::open(proc_.get());
  ASSERT_TRUE(map.has_value()) << map.error().what;
  std::ofstream(path_, std::ios::trunc) << "3000 10 of another run, and longer than before\n";
  ASSERT_TRUE(map->refresh().has_value());
  EXPECT_EQ(name_at(map->code(), 0x1000), "none");
  EXPECT_EQ(name_at(map->code(), 0x3000), "of another run, and longer than before");
}

TEST_F(PerfMapFile, ALineWithoutEndIsSkipped) {
  append("1000 10 a\n");
  append(std::string(1 << 20, 'x'));
  append("\n2000 10 b\n");
  auto map = PerfMap::open(proc_.get());
  ASSERT_TRUE(map.has_value()) << map.error().what;
  EXPECT_EQ(name_at(map->code(), 0x1000), "a");
  EXPECT_EQ(name_at(map->code(), 0x2000), "b");
  EXPECT_GT(map->malformed(), 0u);
}

TEST_F(PerfMapFile, NoLinkIsFollowed) {
  const std::string target = path_ + ".target";
  std::ofstream(target) << "1000 10 a\n";
  std::filesystem::create_symlink(target, path_);
  EXPECT_FALSE(PerfMap::open(proc_.get()).has_value());
  std::filesystem::remove(target);
}

TEST_F(PerfMapFile, APipeIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(PerfMap::open(proc_.get()).has_value());
}

TEST_F(PerfMapFile, SomebodyElsesIsRefused) {
  append("1000 10 a\n");
  if (::chown(path_.c_str(), 65534, 65534) != 0) {
    GTEST_SKIP() << "may not give a file away";
  }
  const auto map = PerfMap::open(proc_.get());
  ASSERT_FALSE(map.has_value());
  EXPECT_NE(map.error().what.find("is user 65534's"), std::string::npos) << map.error().what;
}

}  // namespace
}  // namespace sonde
