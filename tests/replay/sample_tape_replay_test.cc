// SPDX-License-Identifier: Apache-2.0
// Samples on a tape make the same profile again, elsewhere: by places in files, without an address.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "exporters/stacks/folded.h"
#include "userspace/cli/sample_taper.h"
#include "userspace/cli/taped_samples.h"
#include "userspace/kernel/tape_fields.h"
#include "userspace/kernel/tape_reader.h"
#include "userspace/kernel/tape_writer.h"

namespace sonde::cli {
namespace {

constexpr uint64_t kPeriodNs = 10'000'000;
constexpr uint64_t kSecret = 0xffffffff81234567;  // an address of the kernel's

// What only the host knows, and what is the same everywhere.
class Names : public FrameNames {
 public:
  std::string name(const Module& module, uint64_t offset) override {
    return module.kind == ModuleKind::kKernel && offset == kSecret ? "do_work"
           : module.kind == ModuleKind::kCode                      ? "made"
           : module.path == "/nowhere/app" && offset == 0x600      ? "main"
                                                                   : "";
  }
};

class SampleTape : public testing::Test {
 protected:
  SampleTape() {
    Fd file(memfd_create("tape", MFD_CLOEXEC));
    copy_ = Fd(dup(file.get()));
    writer_ = std::make_unique<TapeWriter>(
        std::move(file), 0,
        TapeFacts{.monotonic_ns = 500, .wall_ns = 1'000'500, .kernel = {}, .door = {}}, nullptr);
  }

  void fields(TapeFrameKind kind, const std::vector<std::pair<std::string, std::string>>& wanted) {
    std::vector<uint8_t> bytes;
    for (const auto& [key, value] : wanted) {
      append_field(bytes, key, value);
    }
    writer_->fields(kind, bytes);
  }
  void sample(uint32_t owner, uint32_t weight, const std::vector<uint32_t>& places) {
    const TapeSample head{.time_ns = 1000, .owner = owner, .weight = weight};
    std::vector<uint8_t> bytes(sizeof(head) + places.size() * sizeof(uint32_t));
    std::memcpy(bytes.data(), &head, sizeof(head));
    if (!places.empty()) {
      std::memcpy(bytes.data() + sizeof(head), places.data(), places.size() * sizeof(uint32_t));
    }
    writer_->fields(TapeFrameKind::kSample, bytes);
  }

  std::string bytes() {
    EXPECT_TRUE(writer_->finish());
    std::string out(static_cast<size_t>(lseek(copy_.get(), 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(copy_.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
    return out;
  }
  Profile replay(TapedSamples& samples) {
    EXPECT_TRUE(finished_ || writer_->finish());
    finished_ = true;
    lseek(copy_.get(), 0, SEEK_SET);
    auto reader = TapeReader::read_from(Fd(dup(copy_.get())));
    EXPECT_TRUE(reader);
    for (TapeFrame frame; (*reader)->next(frame);) {
      samples.take(frame);
    }
    EXPECT_TRUE((*reader)->report().ended);
    EXPECT_EQ((*reader)->report().frames_unknown, 0u);
    return samples.finish((*reader)->facts(), names_);
  }

  Names names_;
  Fd copy_;
  std::unique_ptr<TapeWriter> writer_;
  bool finished_ = false;
};

// A collector's samples, and the profile that it makes itself.
std::string collected(SampleSink& sink, FrameNames& names) {
  MappingReader maps;
  maps.add(
      "1000-3000 r-xp 00000500 fe:01 11 /nowhere/app\n"
      "9000-a000 rwxp 00000000 00:00 0 \n");
  const Mappings mapped = maps.finish();
  auto process = std::make_shared<Process>();
  process->program = "shop";
  SampledProcesses processes([&](Pid) { return process; }, [](const Process*) { return true; },
                             [&](Pid) -> Result<Mappings> { return mapped; });
  Unwinding unwinding(processes, nullptr, nullptr);
  StackCollector collector(processes, unwinding, {.stacks = 3, .frames = 100, .owners = 100},
                           &sink);
  uint64_t now = 1000;
  const auto add = [&](std::vector<uint64_t> user, std::vector<uint64_t> kernel, uint32_t thread,
                       uint32_t weight) {
    collector.add({.time_ns = now += 1000,
                   .pid = Pid{5},
                   .thread = thread,
                   .name = "worker",
                   .weight = weight,
                   .kernel = kernel,
                   .user = user,
                   .user_by_kernel = true});
  };
  add({0x1100, 0x1201}, {kSecret}, 5, 1);
  add({0x1100, 0x1201}, {kSecret}, 5, 4);
  add({0x9010, 0x1201}, {}, 6, 1);
  add({0x1100}, {}, 6, 1);
  add({0x1108}, {}, 6, 2);  // finds no room
  add({0x1100}, {}, 6, 1);
  return stacks::folded(collector.finish(names));
}

TEST_F(SampleTape, MakesTheSameProfile) {
  SampleTaper taper([this](TapeFrameKind kind,
                           std::span<const uint8_t> payload) { writer_->fields(kind, payload); },
                    names_);
  taper.begin(kPeriodNs);
  const std::string expected = collected(taper, names_);
  EXPECT_NE(expected.find("shop;app+0x700;main;do_work_[k] 5\n"), std::string::npos) << expected;
  TapedSamples samples(0, "");
  const Profile profile = replay(samples);
  EXPECT_EQ(stacks::folded(profile), expected);
  EXPECT_EQ(samples.refused(), 0u);
  EXPECT_EQ(profile.samples(), 6u);
  EXPECT_EQ(profile.periods(), 10u);
  EXPECT_EQ(profile.period_ns, kPeriodNs);
  EXPECT_EQ(profile.duration_ns, 5000u);
  EXPECT_EQ(profile.start_wall_ns, 1'000'000u + 2000);
  EXPECT_EQ(profile.owners.at(profile.stacks.at(0).owner).thread_name, "worker");
}

TEST_F(SampleTape, HoldsNoAddress) {
  SampleTaper taper([this](TapeFrameKind kind,
                           std::span<const uint8_t> payload) { writer_->fields(kind, payload); },
                    names_);
  taper.begin(kPeriodNs);
  (void)collected(taper, names_);
  const std::string tape = bytes();
  ASSERT_NE(tape.find("do_work"), std::string::npos);
  for (const uint64_t address : {kSecret, uint64_t{0x9010}, uint64_t{0x1201}}) {
    std::array<char, sizeof(address)> raw{};
    std::memcpy(raw.data(), &address, sizeof(address));
    EXPECT_EQ(tape.find(std::string_view(raw.data(), raw.size())), std::string::npos) << address;
    EXPECT_EQ(tape.find(std::to_string(address)), std::string::npos) << address;
  }
}

TEST_F(SampleTape, OfOneServiceOrProcess) {
  fields(TapeFrameKind::kSampling, {{"period_ns", "1000"}});
  fields(TapeFrameKind::kOwner, {{"service", "shop"}, {"pid", "5"}});
  fields(TapeFrameKind::kOwner, {{"service", "bank"}, {"pid", "6"}});
  fields(TapeFrameKind::kModule, {{"kind", "2"}, {"path", "/nowhere/lib.so"}});
  fields(TapeFrameKind::kPlace, {{"module", "0"}, {"offset", "16"}});
  sample(0, 1, {0});
  sample(1, 1, {0});
  sample(1, 1, {0});
  TapedSamples of_bank(0, "bank");
  EXPECT_EQ(stacks::folded(replay(of_bank)), "bank;lib.so+0x10 2\n");
  TapedSamples of_five(5, "");
  EXPECT_EQ(stacks::folded(replay(of_five)), "shop;lib.so+0x10 1\n");
}

TEST_F(SampleTape, WhatRefersToNothingIsRefusedAndCounted) {
  sample(0, 1, {});  // before it is known how long a sample is
  fields(TapeFrameKind::kSampling, {{"period_ns", "0"}});
  fields(TapeFrameKind::kSampling, {{"period_ns", "1000"}});
  fields(TapeFrameKind::kSampling, {{"period_ns", "2000"}});  // another
  fields(TapeFrameKind::kPlace, {{"module", "0"}});           // of no module
  fields(TapeFrameKind::kModule, {{"kind", "9"}});
  fields(TapeFrameKind::kModule, {{"kind", "1"}, {"path", "[kernel]"}});
  fields(TapeFrameKind::kPlace, {{"module", "0"}});
  sample(0, 1, {0});  // of nobody
  fields(TapeFrameKind::kOwner, {{"service", "shop"}});
  sample(0, 0, {0});  // stands for nothing
  sample(0, 1, {1});  // nowhere
  sample(0, 1, std::vector<uint32_t>(SampleSink::kMostFrames + 1, 0));
  writer_->fields(TapeFrameKind::kSample, std::vector<uint8_t>(sizeof(TapeSample) + 1));
  sample(0, 3, {0});
  sample(0, 2, {});
  TapedSamples samples(0, "");
  EXPECT_EQ(stacks::folded(replay(samples)), "shop;[kernel]_[k] 3\nshop;[no room] 2\n");
  EXPECT_EQ(samples.refused(), 10u);
  EXPECT_EQ(samples.samples(), 2u);
}

TEST_F(SampleTape, ItIsBounded) {
  fields(TapeFrameKind::kSampling, {{"period_ns", "1000"}});
  for (int i = 0; i < 4; ++i) {
    fields(TapeFrameKind::kOwner, {{"service", "shop"}, {"pid", std::to_string(i)}});
  }
  fields(TapeFrameKind::kModule, {{"kind", "2"}, {"path", "/lib"}});
  for (int i = 0; i < 4; ++i) {
    fields(TapeFrameKind::kPlace, {{"module", "0"}, {"offset", std::to_string(i)}});
  }
  for (uint32_t i = 0; i < 3; ++i) {
    sample(0, 1, {i});
  }
  sample(0, 1, {3});
  TapedSamples samples(0, "", {.stacks = 2, .frames = 3, .owners = 3});
  const Profile profile = replay(samples);
  EXPECT_EQ(stacks::folded(profile), "shop;[no room] 1\nshop;lib+0x0 1\nshop;lib+0x1 1\n");
  EXPECT_EQ(samples.refused(), 3u) << "an owner, a place, and who refers to it";
}

}  // namespace
}  // namespace sonde::cli
