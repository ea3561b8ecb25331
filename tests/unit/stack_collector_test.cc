// SPDX-License-Identifier: Apache-2.0
// Stacks are counted by what they mean, not by their addresses; and no sample is lost for want of
// room.
#include "userspace/pipeline/stack_collector.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sonde {
namespace {

// Pids that no process has: no file of theirs can be opened.
constexpr Pid kFirst{0x7fff'fff0};
constexpr Pid kSecond{0x7fff'fff1};
constexpr Pid kStranger{0x7fff'fff2};

// A library at another address in each process.
Result<Mappings> fake_mappings(Pid pid) {
  const uint64_t start = pid == kFirst ? 0x10000 : 0x50000;
  return Mappings({{.start = start,
                    .end = start + 0x1000,
                    .offset = 0x2000,
                    .file = {.device = 1, .inode = 7},
                    .path = "/usr/lib/libfake.so"}});
}

SampledProcesses fake_processes() {
  return SampledProcesses(
      [](Pid pid) {
        auto process = std::make_shared<Process>();
        process->pid = pid;
        process->program = "fake";
        return process;
      },
      [](const Process* process) { return process == nullptr || process->pid != kStranger; },
      fake_mappings);
}

StackSample sample(Pid pid, uint32_t thread, const std::vector<uint64_t>& user,
                   const std::vector<uint64_t>& kernel = {}) {
  StackSample out;
  out.pid = pid;
  out.thread = thread;
  out.name = "worker";
  out.user = user;
  out.kernel = kernel;
  return out;
}

std::string text(const Profile& profile, const ProfileStack& stack) {
  std::string out;
  for (const uint32_t frame : stack.frames) {
    out += (out.empty() ? "" : " ") + profile.frames.at(frame).function;
  }
  return out;
}

TEST(StackCollector, EqualStacksAreOne) {
  SampledProcesses processes = fake_processes();
  StackCollector collector(processes);
  const std::vector<uint64_t> user{0x10010, 0x10021};
  const std::vector<uint64_t> other{0x10011, 0x10021};
  collector.add(sample(kFirst, 1, user));
  collector.add(sample(kFirst, 1, user));
  collector.add(sample(kFirst, 1, other));
  NoNames names;
  const Profile profile = collector.finish(names);
  std::map<std::string, uint64_t> met;
  for (const ProfileStack& stack : profile.stacks) {
    met[text(profile, stack)] += stack.samples;
  }
  // What returns to 0x21 was called from before it.
  const std::map<std::string, uint64_t> expected{{"libfake.so+0x2010 libfake.so+0x2020", 2},
                                                 {"libfake.so+0x2011 libfake.so+0x2020", 1}};
  EXPECT_EQ(met, expected);
}

TEST(StackCollector, APlaceInAFileIsTheSameInEachProcess) {
  SampledProcesses processes = fake_processes();
  StackCollector collector(processes);
  collector.add(sample(kFirst, 1, std::vector<uint64_t>{0x10010}));
  collector.add(sample(kSecond, 2, std::vector<uint64_t>{0x50010}));
  NoNames names;
  const Profile profile = collector.finish(names);
  ASSERT_EQ(profile.frames.size(), 1u);
  EXPECT_EQ(profile.modules.at(profile.frames[0].module).path, "/usr/lib/libfake.so");
  ASSERT_EQ(profile.stacks.size(), 2u);
  EXPECT_NE(profile.stacks[0].owner, profile.stacks[1].owner);
  EXPECT_EQ(profile.owners.at(profile.stacks[0].owner).service, "fake");
}

class KernelOnly : public FrameNames {
 public:
  std::string name(const Module& module, uint64_t offset) override {
    return module.kind == ModuleKind::kKernel && offset == 0xffff'0000 ? "do_work" : "";
  }
};

TEST(StackCollector, TheKernelStandsAboveItsCallerAndPlacesWithoutANameHaveOne) {
  SampledProcesses processes = fake_processes();
  StackCollector collector(processes);
  collector.add(sample(kFirst, 1, std::vector<uint64_t>{0x10010, 0x99999},
                       std::vector<uint64_t>{0xffff'0000}));
  collector.add(sample(kFirst, 1, std::vector<uint64_t>{}));
  KernelOnly names;
  const Profile profile = collector.finish(names);
  std::map<std::string, uint64_t> met;
  for (const ProfileStack& stack : profile.stacks) {
    met[text(profile, stack)] += stack.samples;
  }
  const std::map<std::string, uint64_t> expected{{"do_work libfake.so+0x2010 [unknown]", 1},
                                                 {"[unknown]", 1}};
  EXPECT_EQ(met, expected);
}

TEST(StackCollector, WhatFindsNoRoomIsCountedForItsOwner) {
  SampledProcesses processes = fake_processes();
  StackCollector collector(processes, {.stacks = 4, .frames = 100, .owners = 100});
  for (uint64_t i = 0; i < 50; ++i) {
    collector.add(sample(kFirst, 1, std::vector<uint64_t>{0x10000 + i}));
  }
  collector.add(sample(kStranger, 3, std::vector<uint64_t>{0x50000}));
  const CollectorCounts counts = collector.counts();
  EXPECT_EQ(counts.seen, 51u);
  EXPECT_EQ(counts.kept, 4u);
  EXPECT_EQ(counts.cut, 46u);
  EXPECT_EQ(counts.unwanted, 1u);
  NoNames names;
  const Profile profile = collector.finish(names);
  EXPECT_EQ(profile.samples(), 50u);
  ASSERT_EQ(profile.stacks.size(), 5u);
  EXPECT_EQ(text(profile, profile.stacks.back()), "[no room]");
  EXPECT_EQ(profile.stacks.back().samples, 46u);
  EXPECT_EQ(profile.owners.at(profile.stacks.back().owner).thread, 1u);
}

TEST(StackCollector, ThreadsWithoutRoomCountForTheirProcess) {
  SampledProcesses processes = fake_processes();
  StackCollector collector(processes, {.stacks = 1000, .frames = 100, .owners = 10});
  for (uint32_t thread = 1; thread <= 100; ++thread) {
    collector.add(sample(kFirst, thread, std::vector<uint64_t>{0x10010}));
  }
  NoNames names;
  const Profile profile = collector.finish(names);
  EXPECT_LE(profile.owners.size(), 10u);
  EXPECT_EQ(profile.samples(), 100u);
  uint64_t whole_process = 0;
  for (const ProfileStack& stack : profile.stacks) {
    const ProfileOwner& owner = profile.owners.at(stack.owner);
    EXPECT_EQ(owner.service, "fake");
    whole_process += owner.thread == 0 ? stack.samples : 0;
  }
  EXPECT_EQ(whole_process, 92u);  // the first 8 found room beside "[others]"
}

TEST(StackCollector, FramesWithoutRoomCutTheirStack) {
  SampledProcesses processes = fake_processes();
  StackCollector collector(processes, {.stacks = 1000, .frames = 3, .owners = 10});
  for (uint64_t i = 0; i < 10; ++i) {
    collector.add(sample(kFirst, 1, std::vector<uint64_t>{0x10000 + i}));
  }
  EXPECT_EQ(collector.counts().kept, 3u);
  EXPECT_EQ(collector.counts().cut, 7u);
  NoNames names;
  EXPECT_EQ(collector.finish(names).samples(), 10u);
}

}  // namespace
}  // namespace sonde
