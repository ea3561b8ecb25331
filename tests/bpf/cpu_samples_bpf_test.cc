// SPDX-License-Identifier: Apache-2.0
// The sampler on this kernel: what is busy is sampled where it is busy, and every ring of the clock
// is accounted for.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "tests/bpf/privilege.h"
#include "userspace/sources/cpu_samples.h"

namespace sonde {
namespace {

constexpr int kPatience = 200;  // tenths of a second
constexpr uint64_t kHz = 199;

[[gnu::noinline, gnu::noipa]] void spin() {
  for (;;) {
    asm volatile("");
  }
}

[[gnu::noinline, gnu::noipa]] void call_the_kernel() {
  for (;;) {
    ::syscall(SYS_getppid);
  }
}

class CpuSamplesTest : public testing::Test {
 protected:
  void SetUp() override {
    SONDE_NEEDS_ROOT();
    auto opened = CpuSamples::open({.hz = kHz, .force = true});
    ASSERT_TRUE(opened) << opened.error().what;
    samples_ = *std::move(opened);
  }
  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  void start_child(void (*work)()) {
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prctl(PR_SET_NAME, "busy child");
      work();
    }
    ASSERT_GT(child_, 0);
  }

  // Until so many samples of the child came.
  void sample_child(size_t wanted, Pid only, const CpuSamples::Reader& reader) {
    ASSERT_TRUE(samples_->start(only));
    size_t seen = 0;
    for (int i = 0; i < kPatience && seen < wanted; i++) {
      usleep(100'000);
      samples_->read([&](const StackSample& sample) {
        read_++;
        if (sample.pid == Pid{static_cast<uint32_t>(child_)}) {
          seen++;
          reader(sample);
        }
      });
    }
    samples_->stop();
    samples_->read([&](const StackSample&) { read_++; });
    EXPECT_GE(seen, wanted);
  }

  uint64_t count(sonde_sample_counter which) { return samples_->counts().value().at(which); }

  void expect_balance() {
    EXPECT_EQ(
        count(SONDE_SAMPLES_fired),
        count(SONDE_SAMPLES_idle) + count(SONDE_SAMPLES_elsewhere) + count(SONDE_SAMPLES_taken));
    EXPECT_EQ(count(SONDE_SAMPLES_taken), count(SONDE_SAMPLES_thinned) +
                                              count(SONDE_SAMPLES_delivered) +
                                              count(SONDE_SAMPLES_ring_full));
    EXPECT_EQ(count(SONDE_SAMPLES_delivered), read_ + samples_->misread());
    EXPECT_EQ(samples_->misread(), 0u);
  }

  std::unique_ptr<CpuSamples> samples_;
  pid_t child_ = -1;
  uint64_t read_ = 0;
};

// The body of a small function is near its beginning.
bool is_in(uint64_t address, void (*function)()) {
  const auto begin = reinterpret_cast<uint64_t>(function);
  return address >= begin && address < begin + 256;
}

TEST_F(CpuSamplesTest, WhatIsBusyIsSampledWhereItIs) {
  start_child(spin);
  size_t in_spin = 0;
  size_t all = 0;
  sample_child(50, Pid{}, [&](const StackSample& sample) {
    all++;
    in_spin += !sample.user.empty() && is_in(sample.user[0], spin) ? 1 : 0;
    EXPECT_EQ(sample.thread, static_cast<uint32_t>(child_));
    EXPECT_EQ(sample.name, "busy child");
    EXPECT_GT(sample.started_ns, 0u);
  });
  EXPECT_GE(in_spin * 10, all * 9);
  expect_balance();
}

TEST_F(CpuSamplesTest, TheKernelsFramesAndTheCallersStandInOneSample) {
  start_child(call_the_kernel);
  size_t with_both = 0;
  sample_child(100, Pid{}, [&](const StackSample& sample) {
    with_both += !sample.kernel.empty() && sample.kernel[0] >> 63 == 1 && !sample.user.empty() &&
                         sample.user[0] >> 63 == 0
                     ? 1
                     : 0;
  });
  EXPECT_GT(with_both, 0u);
  expect_balance();
}

TEST_F(CpuSamplesTest, OneProcessAlone) {
  start_child(spin);
  ASSERT_TRUE(samples_->start(Pid{static_cast<uint32_t>(child_)}));
  uint64_t others = 0;
  uint64_t own = 0;
  for (int i = 0; i < kPatience && own < 20; i++) {
    usleep(100'000);
    samples_->read([&](const StackSample& sample) {
      read_++;
      (sample.pid == Pid{static_cast<uint32_t>(child_)} ? own : others)++;
    });
  }
  samples_->stop();
  samples_->read([&](const StackSample&) { read_++; });
  EXPECT_GE(own, 20u);
  EXPECT_EQ(others, 0u);
  expect_balance();
}

TEST_F(CpuSamplesTest, ARingThatNobodyReadsLosesAndTellsHowMuch) {
  samples_.reset();
  auto opened = CpuSamples::open({.hz = 1000, .force = true, .ring_bytes = 64 << 10});
  ASSERT_TRUE(opened) << opened.error().what;
  samples_ = *std::move(opened);
  start_child(call_the_kernel);
  ASSERT_TRUE(samples_->start(Pid{static_cast<uint32_t>(child_)}));
  for (int i = 0; i < kPatience && count(SONDE_SAMPLES_ring_full) == 0; i++) {
    usleep(100'000);
  }
  samples_->stop();
  samples_->read([&](const StackSample&) { read_++; });
  EXPECT_GT(count(SONDE_SAMPLES_ring_full), 0u);
  expect_balance();
}

TEST_F(CpuSamplesTest, ASecondSamplingBeginsAnew) {
  start_child(spin);
  sample_child(10, Pid{}, [](const StackSample&) {});
  const uint64_t before = count(SONDE_SAMPLES_taken);
  usleep(100'000);
  EXPECT_EQ(count(SONDE_SAMPLES_taken), before) << "it is silent between two";
  sample_child(10, Pid{}, [](const StackSample&) {});
  EXPECT_GT(count(SONDE_SAMPLES_taken), before);
  expect_balance();
}

TEST_F(CpuSamplesTest, AnotherRateAndPeriodsThatDiffer) {
  samples_->set_hz(997);
  EXPECT_EQ(samples_->period_ns(), 1'000'000'000u / 997);
  start_child(spin);
  sample_child(50, Pid{static_cast<uint32_t>(child_)}, [](const StackSample&) {});
  EXPECT_EQ(samples_->tend_clocks(), samples_->cpus());
  sample_child(50, Pid{static_cast<uint32_t>(child_)}, [](const StackSample&) {});
  expect_balance();
}

// One ring in so many is taken, by chance, and stands for all of them. Five deviations of it.
TEST_F(CpuSamplesTest, WhoIsSampledMoreSeldomWeighsMore) {
  constexpr uint32_t kOneIn = 4;
  samples_->set_hz(997);
  start_child(spin);
  ASSERT_TRUE(samples_->start(Pid{static_cast<uint32_t>(child_)}, 0, kOneIn));
  uint64_t taken = 0;
  for (int i = 0; i < kPatience && taken < 2000; i++) {
    usleep(100'000);
    samples_->read([&](const StackSample& sample) {
      read_++;
      EXPECT_EQ(sample.weight, kOneIn);
    });
    taken = count(SONDE_SAMPLES_taken);
  }
  samples_->stop();
  samples_->read([&](const StackSample&) { read_++; });
  expect_balance();
  const auto all = static_cast<double>(count(SONDE_SAMPLES_taken));
  EXPECT_GT(all, 500);
  EXPECT_NEAR(static_cast<double>(count(SONDE_SAMPLES_delivered)), all / kOneIn,
              5 * std::sqrt(all * 0.25 * 0.75));
}

TEST_F(CpuSamplesTest, AProcessHasARateOfItsOwnUntilItIsAnother) {
  start_child(spin);
  ASSERT_TRUE(samples_->start(Pid{}));
  std::optional<StackSample> last;  // of the child
  uint64_t seen = 0;
  const auto wait_for = [&](auto enough) {
    for (int i = 0; i < kPatience && !enough(); i++) {
      usleep(50'000);
      samples_->read([&](const StackSample& sample) {
        read_++;
        if (sample.pid == Pid{static_cast<uint32_t>(child_)}) {
          seen++;
          last = sample;
          last->kernel = last->user = {};
          last->name = {};
        }
      });
    }
    EXPECT_TRUE(enough());
  };
  wait_for([&] { return last.has_value(); });
  ASSERT_TRUE(last);
  EXPECT_EQ(last->weight, 1u);

  ASSERT_TRUE(samples_->set_one_in(*last, 2));
  wait_for([&] { return last->weight == 2; });
  wait_for([&] { return count(SONDE_SAMPLES_thinned) > 0; });

  // Of nobody else's rings it is said that he was not asked for.
  EXPECT_EQ(count(SONDE_SAMPLES_elsewhere), 0u);
  ASSERT_TRUE(samples_->set_one_in(*last, 0));
  wait_for([&] { return count(SONDE_SAMPLES_elsewhere) > 0; });
  samples_->read([&](const StackSample&) { read_++; });  // what came before it was told
  const uint64_t before = seen;
  const uint64_t passed = count(SONDE_SAMPLES_elsewhere);
  wait_for([&] { return count(SONDE_SAMPLES_elsewhere) > passed + 10; });
  EXPECT_EQ(seen, before);

  // What is told of another program of that number does not hold for this one.
  StackSample other = *last;
  other.image++;
  ASSERT_TRUE(samples_->set_one_in(other, 0));
  wait_for([&] { return seen > before; });
  EXPECT_EQ(last->weight, 1u);
  // And nothing holds for a second sampling.
  ASSERT_TRUE(samples_->set_one_in(*last, 0));
  samples_->stop();
  samples_->read([&](const StackSample&) { read_++; });
  const uint64_t first = seen;
  ASSERT_TRUE(samples_->start(Pid{}));
  wait_for([&] { return seen > first; });
  samples_->stop();
  samples_->read([&](const StackSample&) { read_++; });
  expect_balance();
}

TEST_F(CpuSamplesTest, ClocksThatAreSlowedDownRingMoreSeldomAndWeighMore) {
  samples_->set_hz(997);
  start_child(spin);
  std::map<uint32_t, uint64_t> by_weight;
  ASSERT_TRUE(samples_->start(Pid{static_cast<uint32_t>(child_)}));
  const auto wait_for = [&](uint32_t weight, uint64_t wanted) {
    for (int i = 0; i < kPatience && by_weight[weight] < wanted; i++) {
      usleep(50'000);
      samples_->read([&](const StackSample& sample) {
        read_++;
        by_weight[sample.weight]++;
      });
    }
    EXPECT_GE(by_weight[weight], wanted);
  };
  wait_for(1, 50);
  ASSERT_TRUE(samples_->slow_down(8));
  const uint64_t fired = count(SONDE_SAMPLES_fired);
  const auto began = std::chrono::steady_clock::now();
  wait_for(8, 50);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
  EXPECT_LT(static_cast<double>(count(SONDE_SAMPLES_fired) - fired),
            time.count() * static_cast<double>(samples_->cpus()) * 997 / 4);
  EXPECT_EQ(samples_->period_ns(), 1'000'000'000u / 997) << "of a sample of weight 1";
  ASSERT_TRUE(samples_->slow_down(1));
  by_weight.clear();
  wait_for(1, 50);
  samples_->stop();
  samples_->read([&](const StackSample&) { read_++; });
  expect_balance();
}

TEST_F(CpuSamplesTest, TheVerifierWalksLittle) {
  for (const ProgramFacts& program : samples_->programs()) {
    std::printf("sampler %s %u\n", program.name.c_str(), program.verified);
    EXPECT_GT(program.verified, 0u);
    EXPECT_LT(program.verified, 250'000u);
  }
}

}  // namespace
}  // namespace sonde
