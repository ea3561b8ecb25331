// SPDX-License-Identifier: Apache-2.0
// From samples to counted stacks: what addresses mean, whose they are, and that none is lost.
#include "userspace/pipeline/stack_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <numeric>

#include "exporters/stacks/folded.h"

namespace sonde {
namespace {

// A host of a few processes, as the collector asks about it.
class StackCollectorTest : public testing::Test {
 protected:
  void add_process(uint32_t pid, const std::string& service, std::string_view maps) {
    auto process = std::make_shared<Process>();
    process->pid = Pid{pid};
    process->program = service;
    process->service = std::make_shared<const Service>(Service{.name = service,
                                                               .name_space = {},
                                                               .instance = {},
                                                               .job = service,
                                                               .language = {},
                                                               .extra = {}});
    hosts_[pid] = process;
    map(pid, maps);
  }

  void map(uint32_t pid, std::string_view maps) {
    MappingReader reader;
    reader.add(maps);
    maps_[pid] = reader.finish();
  }

  SampledProcesses make_processes() {
    return SampledProcesses(
        [this](Pid pid) -> std::shared_ptr<const Process> {
          const auto found = hosts_.find(static_cast<uint32_t>(pid));
          return found != hosts_.end() ? found->second : nullptr;
        },
        [this](const Process* process) {
          return process == nullptr || process->program != unwanted_;
        },
        [this](Pid pid) -> Result<Mappings> {
          reads_++;
          const auto found = maps_.find(static_cast<uint32_t>(pid));
          return found != maps_.end() ? Result<Mappings>(found->second) : fail("gone");
        });
  }

  // User frames, innermost first.
  void add(StackCollector& collector, uint32_t pid, std::vector<uint64_t> user,
           std::vector<uint64_t> kernel = {}, uint32_t thread = 0, std::string_view name = "main") {
    collector.add({.time_ns = now_,
                   .pid = Pid{pid},
                   .thread = thread != 0 ? thread : pid,
                   .cpu = 0,
                   .cgroup = 0,
                   .started_ns = 1,
                   .image = image_,
                   .name = name,
                   .weight = weight_,
                   .kernel = kernel,
                   .user = user,
                   .user_by_kernel = user_by_kernel_,
                   .missed = missed_,
                   .end = static_cast<uint8_t>(end_)});
  }

  static void expect_balance(const StackCollector& collector) {
    const CollectorCounts& counts = collector.counts();
    EXPECT_EQ(counts.seen, counts.kept + counts.cut + counts.unwanted);
  }

  std::map<uint32_t, std::shared_ptr<const Process>> hosts_;
  std::map<uint32_t, Mappings> maps_;
  std::string unwanted_;
  uint64_t now_ = 10;
  uint64_t image_ = 1;
  uint32_t weight_ = 1;
  bool user_by_kernel_ = true;
  bool missed_ = false;
  sonde_step end_ = SONDE_STEP_outermost;
  int reads_ = 0;
  NoNames names_;
};

constexpr std::string_view kMaps =
    "1000-3000 r-xp 00000500 fe:01 11 /nowhere/app\n"
    "7000-8000 r-xp 00000000 fe:01 12 /nowhere/libx.so\n"
    "9000-a000 rwxp 00000000 00:00 0 \n"
    "b000-c000 r-xp 00000000 00:00 0 [vdso]\n";

TEST_F(StackCollectorTest, AddressesBecomePlacesInFiles) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  // The first is where it stands, the others where it returns to: those were called from before.
  add(collector, 5, {0x7010, 0x1101, 0x9021, 0xb011}, {0xffffffff81000000});
  add(collector, 5, {0x7010, 0x1101, 0x9021, 0xb011}, {0xffffffff81000000});
  add(collector, 5, {0x1100});
  expect_balance(collector);
  const Profile profile = collector.finish(names_);
  EXPECT_EQ(
      stacks::folded(profile),
      "shop;[vdso]+0x10;[jit]+0x9020;app+0x600;libx.so+0x10;[kernel]+0xffffffff81000000_[k] 2\n"
      "shop;app+0x600 1\n");
  EXPECT_EQ(profile.samples(), 3u);
  EXPECT_EQ(reads_, 1) << "a process is read once";
}

TEST_F(StackCollectorTest, EachStackHasAnEndOrIsByFramePointers) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 5, {0x7010, 0x1101});
  user_by_kernel_ = false;
  end_ = SONDE_STEP_outermost;
  add(collector, 5, {0x7010, 0x1101});
  add(collector, 5, {0x7010, 0x1101});
  end_ = SONDE_STEP_no_rule;
  add(collector, 5, {0x7010});
  missed_ = true;  // and nothing was copied
  add(collector, 5, {0x7010});
  const UnwindingCounts& counts = unwinding.counts();
  EXPECT_EQ(counts.stacks, 5u);
  EXPECT_EQ(counts.by_frame_pointers, 2u);
  EXPECT_EQ(counts.whole, 2u);
  EXPECT_EQ(counts.ends[SONDE_STEP_no_rule], 1u);
  EXPECT_EQ(std::accumulate(counts.ends.begin(), counts.ends.end(), counts.by_frame_pointers),
            counts.stacks);
}

TEST_F(StackCollectorTest, SamplesCountForWhatTheyStandFor) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding, {.stacks = 1, .frames = 100, .owners = 100});
  weight_ = 4;
  add(collector, 5, {0x1100});
  weight_ = 1;
  add(collector, 5, {0x1100});
  weight_ = 3;
  add(collector, 5, {0x1200});
  expect_balance(collector);
  const Profile profile = collector.finish(names_);
  EXPECT_EQ(stacks::folded(profile), "shop;[no room] 3\nshop;app+0x600 5\n");
  EXPECT_EQ(profile.samples(), 3u);
  EXPECT_EQ(profile.periods(), 8u);
}

TEST_F(StackCollectorTest, WhatIsMappedLaterIsReadAgain) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 5, {0x1100});
  map(5, "20000-30000 r-xp 0 fe:01 13 /nowhere/late.so\n");
  add(collector, 5, {0x20010});
  EXPECT_EQ(reads_, 1) << "not at once: it may be an address that is none";
  now_ += SampledProcesses::kReadAgainNs;
  add(collector, 5, {0x20010});
  EXPECT_EQ(stacks::folded(collector.finish(names_)),
            "shop;[unknown] 1\nshop;app+0x600 1\nshop;late.so+0x10 1\n");
}

// Also where it meant something else before.
TEST_F(StackCollectorTest, AnAddressMeansWhatIsMappedThere) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 5, {0x1100});
  map(5,
      "1000-3000 r-xp 0 fe:01 13 /nowhere/other.so\n20000-30000 r-xp 0 fe:01 14 "
      "/nowhere/late.so\n");
  now_ += SampledProcesses::kReadAgainNs;
  add(collector, 5, {0x20010});
  add(collector, 5, {0x1100});
  EXPECT_EQ(stacks::folded(collector.finish(names_)),
            "shop;app+0x600 1\nshop;late.so+0x10 1\nshop;other.so+0x100 1\n");
}

TEST_F(StackCollectorTest, MoreAddressesThanAreRemembered) {
  add_process(5, "shop", "100000-900000 r-xp 0 fe:01 11 /nowhere/app\n");
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  const auto count = static_cast<uint32_t>(KnownFrames::kMaxAddresses) + 10;
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < count; i++) {
      add(collector, 5, {0x100000 + uint64_t{i} * 16});
    }
  }
  const Profile profile = collector.finish(names_);
  EXPECT_EQ(profile.frames.size(), count);
  for (const ProfileStack& stack : profile.stacks) {
    ASSERT_EQ(stack.samples, 2u);
  }
}

TEST_F(StackCollectorTest, AnotherProgramOfTheSameProcessIsReadAnew) {
  add_process(5, "sh", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 5, {0x1100});
  add_process(5, "tool", "1000-3000 r-xp 0 fe:01 14 /nowhere/tool\n");
  image_++;
  add(collector, 5, {0x1100});
  EXPECT_EQ(stacks::folded(collector.finish(names_)), "sh;app+0x600 1\ntool;tool+0x100 1\n");
}

TEST_F(StackCollectorTest, AProcessThatIsGoneIsCalledAsItsThread) {
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 9, {0x1100, 0x2200}, {}, 9, "short lived");
  EXPECT_EQ(processes.unread(), 1u);
  EXPECT_EQ(stacks::folded(collector.finish(names_)), "short lived;[unknown];[unknown] 1\n");
}

TEST_F(StackCollectorTest, ASampleWithoutAFrameIsCountedStill) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 5, {});
  expect_balance(collector);
  EXPECT_EQ(stacks::folded(collector.finish(names_)), "shop;[unknown] 1\n");
}

TEST_F(StackCollectorTest, WhatNobodyWantsIsCountedAndNotRead) {
  add_process(5, "shop", kMaps);
  add_process(6, "secret", kMaps);
  unwanted_ = "secret";
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  add(collector, 6, {0x1100});
  add(collector, 5, {0x1100});
  expect_balance(collector);
  EXPECT_EQ(collector.counts().unwanted, 1u);
  EXPECT_EQ(reads_, 1);
  EXPECT_EQ(stacks::folded(collector.finish(names_)), "shop;app+0x600 1\n");
}

TEST_F(StackCollectorTest, StacksBeyondTheLimitCountForTheirProcess) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding, {.stacks = 2, .frames = 100, .owners = 100});
  for (uint64_t i = 0; i < 5; i++) {
    add(collector, 5, {0x1100 + i});
  }
  add(collector, 5, {0x1100});
  expect_balance(collector);
  EXPECT_EQ(collector.counts().cut, 3u);
  EXPECT_EQ(stacks::folded(collector.finish(names_)),
            "shop;[no room] 3\nshop;app+0x600 2\nshop;app+0x601 1\n");
}

TEST_F(StackCollectorTest, FramesBeyondTheLimitToo) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding, {.stacks = 100, .frames = 3, .owners = 100});
  add(collector, 5, {0x1100, 0x1200});
  add(collector, 5, {0x1100, 0x1300, 0x1400});
  add(collector, 5, {0x1100, 0x1200});
  expect_balance(collector);
  const Profile profile = collector.finish(names_);
  EXPECT_EQ(profile.samples(), 3u);
  EXPECT_EQ(stacks::folded(profile), "shop;[no room] 1\nshop;app+0x6ff;app+0x600 2\n");
}

TEST_F(StackCollectorTest, ThreadsBeyondTheLimitAreTheirProcess) {
  add_process(5, "shop", kMaps);
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding, {.stacks = 100, .frames = 100, .owners = 10});
  for (uint32_t thread = 100; thread < 200; thread++) {
    add(collector, 5, {0x1100}, {}, thread);
  }
  expect_balance(collector);
  const Profile profile = collector.finish(names_);
  EXPECT_EQ(stacks::folded(profile), "shop;app+0x600 100\n");
  EXPECT_LE(profile.owners.size(), 10u);
}

CodeEvent mapped(uint32_t pid, uint64_t address, std::string_view path,
                 std::span<const uint8_t> build_id) {
  return {.kind = CodeEventKind::kMapped,
          .time_ns = 0,
          .pid = Pid{pid},
          .address = address,
          .size = 0x1000,
          .build_id = build_id,
          .path = path};
}

constexpr std::array<uint8_t, 2> kBuild = {0xab, 0xcd};

// Nothing of these processes is in /proc any more when their samples are read.
TEST_F(StackCollectorTest, ProcessesThatAreGoneAreKnownByEvents) {
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  processes.apply({.kind = CodeEventKind::kExec, .pid = Pid{9}});
  processes.apply(mapped(9, 0x1000, "/bin/short", kBuild));
  add(collector, 9, {0x1100}, {}, 9, "short");
  processes.apply({.kind = CodeEventKind::kExited, .pid = Pid{9}});
  add(collector, 9, {0x1200}, {}, 9, "short");
  EXPECT_THAT(stacks::folded(collector.finish(names_)),
              testing::AllOf(testing::HasSubstr("short;short:abcd+0x100 1"),
                             testing::HasSubstr("short;short:abcd+0x200 1")));
}

TEST_F(StackCollectorTest, AProgramThatStillMapsItsLibrariesIsLookedAtAgain) {
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  processes.apply({.kind = CodeEventKind::kExec, .pid = Pid{9}});
  add(collector, 9, {0x1100}, {}, 9, "short");
  processes.apply(mapped(9, 0x1000, "/bin/short", kBuild));
  add(collector, 9, {0x1100}, {}, 9, "short");
  EXPECT_THAT(stacks::folded(collector.finish(names_)),
              testing::HasSubstr("short;short:abcd+0x100 1"));
}

TEST_F(StackCollectorTest, AChildHasWhatItsParentHas) {
  add_process(5, "shop", "1000-2000 r-xp 00000000 fe:01 77 /bin/shop\n");
  SampledProcesses processes = make_processes();
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding);
  processes.apply({.kind = CodeEventKind::kForked, .pid = Pid{9}, .parent = Pid{5}});
  processes.apply({.kind = CodeEventKind::kForked, .pid = Pid{10}, .parent = Pid{5}});
  EXPECT_EQ(reads_, 1) << "the parent, once";
  add(collector, 10, {0x1100}, {}, 10, "child");
  EXPECT_THAT(stacks::folded(collector.finish(names_)), testing::HasSubstr("child;shop+0x100 1"));
}

TEST_F(StackCollectorTest, OneBuildIsOneModuleWhateverItsPath) {
  SampledProcesses processes = make_processes();
  for (const uint32_t pid : {1u, 2u}) {
    processes.apply({.kind = CodeEventKind::kExec, .pid = Pid{pid}});
    processes.apply(mapped(pid, uint64_t{0x1000} * pid, pid == 1 ? "/a/lib" : "/b/lib", kBuild));
  }
  constexpr std::array<uint8_t, 2> kOther = {1, 2};
  processes.apply(mapped(2, 0x9000, "/a/lib", kOther));
  ModuleTable& modules = processes.modules();
  const auto first = processes.live().of(Pid{1});
  const auto second = processes.live().of(Pid{2});
  ASSERT_TRUE(first && second);
  const uint32_t module = modules.of(Pid{1}, first->all()[0]);
  EXPECT_EQ(modules.of(Pid{2}, second->all()[0]), module);
  EXPECT_NE(modules.of(Pid{2}, second->all()[1]), module);
  EXPECT_EQ(modules.all()[module].build_id, "abcd");
}

}  // namespace
}  // namespace sonde
