// SPDX-License-Identifier: Apache-2.0
// Records of perf's side-band, as the kernel writes them and as it never would.
#include "userspace/sources/code_event_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <array>
#include <cstring>
#include <string>

namespace sonde {
namespace {

constexpr uint64_t kTime = 77;

// Appends values as they stand in memory.
class Record {
 public:
  Record(uint32_t type, uint16_t misc) : header_{.type = type, .misc = misc, .size = 0} {}

  template <typename T>
  Record& add(T value) {
    body_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  Record& text(std::string_view text) {
    body_ += text;
    body_.append(8 - body_.size() % 8, '\0');
    return *this;
  }
  // With what ends each.
  std::span<const uint8_t> bytes() {
    add(uint32_t{1}).add(uint32_t{2}).add(kTime);
    header_.size = static_cast<uint16_t>(sizeof(header_) + body_.size());
    whole_.assign(reinterpret_cast<const char*>(&header_), sizeof(header_));
    whole_ += body_;
    return {reinterpret_cast<const uint8_t*>(whole_.data()), whole_.size()};
  }

 private:
  perf_event_header header_;
  std::string body_;
  std::string whole_;
};

Record mapped(uint16_t misc) {
  Record record(PERF_RECORD_MMAP2, misc);
  record.add(uint32_t{100}).add(uint32_t{101});
  record.add(uint64_t{0x7000}).add(uint64_t{0x2000}).add(uint64_t{0x1000});
  return record;
}

TEST(CodeEventRecord, AFileByItsIdentity) {
  Record record = mapped(0);
  record.add(uint32_t{8}).add(uint32_t{1}).add(uint64_t{1234}).add(uint64_t{0});
  record.add(uint32_t{PROT_READ | PROT_EXEC}).add(uint32_t{MAP_PRIVATE}).text("/usr/bin/cat");
  const auto event = read_code_event(record.bytes());
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, CodeEventKind::kMapped);
  EXPECT_EQ(event->time_ns, kTime);
  EXPECT_EQ(event->pid, Pid{100});
  EXPECT_EQ(event->address, 0x7000u);
  EXPECT_EQ(event->size, 0x2000u);
  EXPECT_EQ(event->offset, 0x1000u);
  EXPECT_EQ(event->device, makedev(8, 1));
  EXPECT_EQ(event->inode, 1234u);
  EXPECT_TRUE(event->build_id.empty());
  EXPECT_EQ(event->path, "/usr/bin/cat");
}

TEST(CodeEventRecord, AFileByItsBuildId) {
  Record record = mapped(PERF_RECORD_MISC_MMAP_BUILD_ID);
  record.add(uint32_t{3}).add(std::array<uint8_t, 20>{0xaa, 0xbb, 0xcc});
  record.add(uint32_t{PROT_EXEC}).add(uint32_t{0}).text("/usr/bin/cat");
  const auto event = read_code_event(record.bytes());
  ASSERT_TRUE(event);
  EXPECT_THAT(event->build_id, testing::ElementsAre(0xaa, 0xbb, 0xcc));
  EXPECT_EQ(event->inode, 0u);
}

TEST(CodeEventRecord, ABuildIdThatIsTooLongIsNone) {
  Record record = mapped(PERF_RECORD_MISC_MMAP_BUILD_ID);
  record.add(uint32_t{21}).add(uint64_t{0}).add(uint64_t{0}).add(uint32_t{0});
  record.add(uint32_t{PROT_EXEC}).add(uint32_t{0}).text("/usr/bin/cat");
  EXPECT_FALSE(read_code_event(record.bytes()));
}

TEST(CodeEventRecord, WhatMayNotBeExecutedIsNone) {
  Record record = mapped(0);
  record.add(uint64_t{0}).add(uint64_t{0}).add(uint64_t{0});
  record.add(uint32_t{PROT_READ}).add(uint32_t{0}).text("/usr/bin/cat");
  EXPECT_FALSE(read_code_event(record.bytes()));
}

TEST(CodeEventRecord, ExecsButNoOtherNames) {
  Record exec(PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
  exec.add(uint32_t{100}).add(uint32_t{100}).text("cat");
  const auto event = read_code_event(exec.bytes());
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, CodeEventKind::kExec);
  EXPECT_EQ(event->pid, Pid{100});
  Record named(PERF_RECORD_COMM, 0);
  named.add(uint32_t{100}).add(uint32_t{100}).text("cat");
  EXPECT_FALSE(read_code_event(named.bytes()));
}

TEST(CodeEventRecord, ProcessesButNotThreads) {
  const auto task = [](uint32_t type, uint32_t pid, uint32_t parent, uint32_t tid) {
    Record record(type, 0);
    record.add(pid).add(parent).add(tid).add(parent).add(kTime);
    return read_code_event(record.bytes());
  };
  const auto forked = task(PERF_RECORD_FORK, 100, 50, 100);
  ASSERT_TRUE(forked);
  EXPECT_EQ(forked->kind, CodeEventKind::kForked);
  EXPECT_EQ(forked->pid, Pid{100});
  EXPECT_EQ(forked->parent, Pid{50});
  EXPECT_FALSE(task(PERF_RECORD_FORK, 100, 100, 101));
  const auto exited = task(PERF_RECORD_EXIT, 100, 50, 100);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->kind, CodeEventKind::kExited);
  EXPECT_FALSE(task(PERF_RECORD_EXIT, 100, 50, 101));
}

TEST(CodeEventRecord, HowManyWereLost) {
  Record record(PERF_RECORD_LOST, 0);
  record.add(uint64_t{1}).add(uint64_t{42});
  const auto event = read_code_event(record.bytes());
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, CodeEventKind::kLost);
  EXPECT_EQ(event->lost, 42u);
}

TEST(CodeEventRecord, CutAnywhereNothingIsReadBeyond) {
  Record record = mapped(0);
  record.add(uint64_t{0}).add(uint64_t{0}).add(uint64_t{0});
  record.add(uint32_t{PROT_EXEC}).add(uint32_t{0});
  const auto whole = record.bytes();
  for (size_t size = 0; size < whole.size(); size++) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(read_code_event(part)) << size;
  }
  EXPECT_TRUE(read_code_event(whole));
}

}  // namespace
}  // namespace sonde
