// SPDX-License-Identifier: Apache-2.0
// Profiling: one stretch of sampling, from its start to the profile. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "userspace/inventory/sampling_rates.h"
#include "userspace/model/profile.h"
#include "userspace/pipeline/frame_lines.h"
#include "userspace/pipeline/frame_names.h"
#include "userspace/pipeline/sampled_processes.h"
#include "userspace/pipeline/stack_collector.h"
#include "userspace/sources/cpu_samples.h"

namespace sonde {

struct ProfileWish {
  Pid pid{};            // 0: every process
  std::string service;  // empty: every one
  SamplingRates rates{};
  SampleSink* sink = nullptr;  // sees each sample, too; must live longer
};

// What became of the samples: taken = thinned + lost + collected.seen + misread.
struct ProfilingCounts {
  SampleCounts kernel{};  // by sonde_sample_counter
  CollectorCounts collected;
  UnwindingCounts unwound;
  uint64_t misread = 0;
  uint64_t unread = 0;  // processes that were gone before they could be read
};

class Profiling {
 public:
  // How often read() wants to be called: sooner again as long as it finds what the kernel side does
  // not know yet, since stacks are copied until it is told.
  static constexpr uint64_t kReadEveryNs = 50'000'000;
  static constexpr uint64_t kReadSoonNs = 10'000'000;
  uint64_t rest_ns() const { return learning_ ? kReadSoonNs : kReadEveryNs; }

  // Begins to sample. want: which of the processes may be shown at all. The sampler must live
  // longer, as must the store; null: none.
  static Result<std::unique_ptr<Profiling>> begin(CpuSamples& samples, const Store* store,
                                                  const ProfileWish& wish, FindProcess find,
                                                  WantProcess may);
  ~Profiling();

  void read();
  // From now on there are so many times fewer samples, each of which weighs as much more.
  Result<> slow_down(uint32_t times) { return samples_.slow_down(times); }
  // Ends the sampling and closes the books. Once.
  Result<> stop();
  // What was sampled, with names. Once, after stop().
  Profile finish(FrameNames& names);
  // Puts lines into what finish() gave; as add_lines().
  uint64_t add_lines(Profile& profile, FrameLines& lines);

  // After stop().
  const ProfilingCounts& counts() const { return counts_; }

 private:
  Profiling(CpuSamples& samples, const Store* store, const ProfileWish& wish, FindProcess&& find,
            WantProcess&& want);
  // Who is not sampled as all others: so that the kernel side passes over whom nobody asked for.
  void meet(const StackSample& first, const Process* known, bool wanted);

  CpuSamples& samples_;
  const SamplingRates rates_;
  SampledProcesses processes_;
  Unwinding unwinding_;
  StackCollector collector_;
  ProfilingCounts counts_;  // those of before, until stop()
  uint64_t began_ns_ = 0;
  uint64_t began_wall_ns_ = 0;
  uint64_t ended_ns_ = 0;
  uint64_t looked_for_cpus_ns_ = 0;
  bool learning_ = false;  // the last reading told it something
};

}  // namespace sonde
