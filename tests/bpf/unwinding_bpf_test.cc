// SPDX-License-Identifier: Apache-2.0
// Stacks of a program without frame pointers: whole from its first sample on, and once the kernel
// side was told what it lacks it walks them by itself and finds the same.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <ranges>

#include "symbolizer/store/store.h"
#include "tests/bpf/privilege.h"
#include "userspace/pipeline/unwinding.h"
#include "userspace/sources/cpu_samples.h"

namespace sonde {
namespace {

constexpr int kPatience = 1000;  // fiftieths of a second
constexpr uint64_t kHz = 199;

// Aligned: so that an address tells which one it is in.
constexpr uint64_t kApart = 256;
#define SONDE_PLAIN __attribute__((noipa, aligned(kApart), optimize("omit-frame-pointer")))

SONDE_PLAIN int spin(int depth) {
  volatile char room[40] = {};
  for (;;) {
    asm volatile("" ::"r"(room));
  }
  return depth;
}

// What follows a call keeps it from being a jump.
SONDE_PLAIN int recurse(int left) {
  const int below = left == 0 ? spin(left) : recurse(left - 1);
  asm volatile("" ::: "memory");
  return below + 1;
}

SONDE_PLAIN int realigned(int depth) {
  alignas(64) volatile char room[128] = {};
  room[0] = static_cast<char>(recurse(depth));
  return room[0];
}

SONDE_PLAIN void on_signal(int /*number*/) {
  realigned(3);
  asm volatile("" ::: "memory");
}

SONDE_PLAIN void interrupt_oneself() {
  std::signal(SIGUSR1, on_signal);
  ::raise(SIGUSR1);
  asm volatile("" ::: "memory");
}

// How often the function is among the frames.
template <typename Function>
ptrdiff_t times(std::span<const uint64_t> frames, Function* function) {
  const auto begin = reinterpret_cast<uint64_t>(function);
  return std::ranges::count_if(frames,
                               [&](uint64_t at) { return at >= begin && at - begin < kApart; });
}

class UnwindingTest : public testing::Test {
 protected:
  void SetUp() override {
    SONDE_NEEDS_ROOT();
    if (SONDE_CFI_UNWIND == 0) {
      GTEST_SKIP() << "built without tables for the kernel side";
    }
    auto opened = CpuSamples::open({.hz = kHz, .force = true});
    ASSERT_TRUE(opened) << opened.error().what;
    samples_ = *std::move(opened);
    std::string folder = testing::TempDir() + "unwinding.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    auto store = Store::open(folder_);
    ASSERT_TRUE(store) << store.error().what;
    store_.emplace(*std::move(store));
    unwinding_.emplace(processes_, samples_->unwind(), &*store_);
  }
  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    if (!folder_.empty()) {
      std::filesystem::remove_all(folder_);
    }
  }

  template <typename Work>
  void start_child(Work work) {
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      work();
      _exit(0);
    }
    ASSERT_GT(child_, 0);
  }

  struct Seen {
    bool missed;
    bool copied;
    bool cut;
    bool whole;
    bool guessed;
    std::vector<uint64_t> frames;
  };

  // On a slow machine there may be no room in the ring, or more samples than may be copied.
  static bool is_complete(const Seen& seen) { return seen.copied || !seen.missed; }

  // The child's samples, until so many came that the kernel side walked alone.
  std::vector<Seen> sample_child(size_t wanted, uint32_t stacks_per_second = 100) {
    EXPECT_TRUE(samples_->start(Pid{static_cast<uint32_t>(child_)}, stacks_per_second));
    std::vector<Seen> out;
    const auto alone = [&] { return std::ranges::count(out, false, &Seen::missed); };
    for (int i = 0; i < kPatience && static_cast<size_t>(alone()) < wanted; i++) {
      usleep(20'000);
      samples_->read([&](const StackSample& sample) {
        SampledProcess* process = processes_.of(sample);
        const UnwindingCounts before = unwinding_->counts();
        ASSERT_NE(process, nullptr);
        const auto frames = unwinding_->frames_of(*process, sample);
        out.push_back({.missed = sample.missed,
                       .copied = sample.copied != nullptr,
                       .cut = sample.user_cut,
                       .whole = unwinding_->counts().whole > before.whole,
                       .guessed = unwinding_->counts().guessed > before.guessed,
                       .frames = {frames.begin(), frames.end()}});
      });
    }
    samples_->stop();
    EXPECT_GE(static_cast<size_t>(alone()), wanted);
    EXPECT_EQ(samples_->misread(), 0u);
    EXPECT_EQ(samples_->stacks_alone(), 0u);
    return out;
  }

  std::unique_ptr<CpuSamples> samples_;
  std::string folder_;
  std::optional<Store> store_;
  SampledProcesses processes_{[](Pid) { return nullptr; }, [](const Process*) { return true; }};
  std::optional<Unwinding> unwinding_;
  pid_t child_ = -1;
};

TEST_F(UnwindingTest, TheFirstSampleIsWholeAndSoAreThoseThatTheKernelWalks) {
  start_child([] { realigned(10); });
  const std::vector<Seen> seen = sample_child(20);
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(seen.front().copied);
  const std::vector<uint64_t>& first = seen.front().frames;
  for (const Seen& each : seen | std::views::filter(is_complete)) {
    EXPECT_TRUE(each.whole);
    EXPECT_FALSE(each.guessed);
    EXPECT_EQ(times(each.frames, spin), 1);
    EXPECT_EQ(times(each.frames, recurse), 11);
    EXPECT_EQ(times(each.frames, realigned), 1);
    // Where it returns to is the same each time.
    ASSERT_EQ(each.frames.size(), first.size());
    EXPECT_TRUE(std::equal(first.begin() + 1, first.end(), each.frames.begin() + 1));
  }
  EXPECT_FALSE(seen.back().missed);
}

TEST_F(UnwindingTest, OverASignalsFrame) {
  start_child(interrupt_oneself);
  for (const Seen& each : sample_child(10) | std::views::filter(is_complete)) {
    EXPECT_TRUE(each.whole);
    EXPECT_EQ(times(each.frames, recurse), 4);
    EXPECT_EQ(times(each.frames, on_signal), 1);
    EXPECT_EQ(times(each.frames, interrupt_oneself), 1);
  }
}

TEST_F(UnwindingTest, TwoHundredFramesDeep) {
  start_child([] { realigned(200); });
  const std::vector<Seen> seen = sample_child(10);
  EXPECT_EQ(times(seen.back().frames, recurse), 201);
  EXPECT_EQ(times(seen.back().frames, realigned), 1);
  EXPECT_FALSE(seen.back().cut);
}

TEST_F(UnwindingTest, ADeeperOneIsCutAndSaysSo) {
  start_child([] { realigned(1000); });
  const std::vector<Seen> seen = sample_child(10);
  EXPECT_TRUE(seen.back().cut);
  EXPECT_EQ(seen.back().frames.size(), size_t{SONDE_SAMPLE_USER_FRAMES});
  EXPECT_EQ(times(seen.back().frames, realigned), 0);
}

// What is missed is told all the same, so that the next samples are whole.
TEST_F(UnwindingTest, WithoutCopiesItIsWholeAFewSamplesLater) {
  start_child([] { realigned(10); });
  const std::vector<Seen> seen = sample_child(10, 0);
  EXPECT_TRUE(std::ranges::none_of(seen, &Seen::copied));
  EXPECT_TRUE(seen.front().missed);
  EXPECT_EQ(times(seen.front().frames, spin), 1);
  EXPECT_EQ(times(seen.back().frames, recurse), 11);
}

TEST_F(UnwindingTest, ASecondSamplingBeginsAnew) {
  start_child([] { realigned(10); });
  sample_child(5);
  unwinding_.emplace(processes_, samples_->unwind(), &*store_);
  const std::vector<Seen> again = sample_child(5);
  EXPECT_TRUE(again.front().missed);
  EXPECT_TRUE(again.back().whole);
}

TEST_F(UnwindingTest, RulesThatWereFoundAreKeptUntilAllIsForgotten) {
  start_child([] { realigned(10); });
  sample_child(5);
  EXPECT_GT(samples_->unwind_maps().known_rules(), 0u);
  ASSERT_TRUE(samples_->unwind_maps().forget_all());
  EXPECT_EQ(samples_->unwind_maps().known_rules(), 0u);
}

TEST_F(UnwindingTest, WhatFindsNoRoomIsRefusedAndCounted) {
  UnwindMaps& maps = samples_->unwind_maps();
  const std::vector<sonde_code> codes(SONDE_MAX_CODES_OF_ONE,
                                      {.begin = 4096, .end = 8192, .bias = 0, .file = 1, .pad = 0});
  for (uint32_t pid = 1; pid <= SONDE_MAX_CODES / SONDE_MAX_CODES_OF_ONE; pid++) {
    ASSERT_TRUE(maps.set_process(pid, 1, 1, codes));
  }
  EXPECT_FALSE(maps.set_process(100'000, 1, 1, codes));
  EXPECT_EQ(maps.refused(), 1u);
  const std::vector<sonde_row> rows(SONDE_UNWIND_PAGE_SIZE, {.lo = 0, .rule = 0});
  const uint32_t fitting = SONDE_MAX_CHUNKS * (SONDE_CHUNK_ROWS / SONDE_UNWIND_PAGE_SIZE);
  for (uint32_t page = 0; page < fitting; page++) {
    ASSERT_TRUE(maps.set_page({.file = 1, .page = page}, rows));
    ASSERT_EQ(maps.refused(), 1u);
  }
  // It is known then, as one without rows: nobody asks for it again.
  EXPECT_TRUE(maps.set_page({.file = 1, .page = fitting}, rows));
  EXPECT_EQ(maps.refused(), 2u);
  EXPECT_TRUE(maps.has_page({.file = 1, .page = fitting}));
  EXPECT_EQ(maps.row_bytes(), size_t{SONDE_MAX_CHUNKS} * SONDE_CHUNK_SIZE);
  ASSERT_TRUE(maps.forget_all());
  EXPECT_EQ(maps.pages(), 0u);
  EXPECT_TRUE(maps.set_process(100'000, 1, 1, codes));
  EXPECT_TRUE(maps.set_page({.file = 1, .page = 0}, rows));
  EXPECT_EQ(maps.refused(), 2u);
}

// As a confined Sonde has it, which makes no maps.
TEST_F(UnwindingTest, OfAllTheRoomThereIsTheRestIsRefused) {
  samples_.reset();
  auto samples = CpuSamples::open({.row_bytes = SONDE_CHUNK_SIZE});
  ASSERT_TRUE(samples) << samples.error().what;
  samples_ = *std::move(samples);
  UnwindMaps& maps = samples_->unwind_maps();
  const std::vector<sonde_row> rows(SONDE_UNWIND_PAGE_SIZE, {.lo = 0, .rule = 0});
  const uint32_t fitting = SONDE_CHUNK_ROWS / SONDE_UNWIND_PAGE_SIZE;
  for (uint32_t page = 0; page < fitting; page++) {
    ASSERT_TRUE(maps.set_page({.file = 1, .page = page}, rows));
  }
  EXPECT_EQ(maps.refused(), 0u);
  EXPECT_TRUE(maps.set_page({.file = 1, .page = fitting}, rows));
  EXPECT_EQ(maps.refused(), 1u);
  EXPECT_EQ(maps.row_bytes(), size_t{SONDE_CHUNK_SIZE});
}

}  // namespace
}  // namespace sonde
