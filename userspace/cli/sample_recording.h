// SPDX-License-Identifier: Apache-2.0
// SampleRecording: samples onto a tape beside what else is recorded, from start() to stop(). What
// takes privileges is opened before they are given up; then a thread of its own samples, walks
// stacks and writes.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/cli/tape_recorder.h"
#include "userspace/config/config.h"
#include "userspace/inventory/sampling_rates.h"
#include "userspace/pipeline/profiling.h"
#include "userspace/pipeline/watched_host.h"

namespace sonde::cli {

class SampleRecording {
 public:
  static Result<std::unique_ptr<SampleRecording>> open(const ProfileConfig& config,
                                                       SamplingRates rates);
  ~SampleRecording();

  // Both must live until stop(). Of processes that the host's rules leave out nothing is written.
  void start(WatchedHost& host, TapeRecorder& tape);
  // Ends the thread; what was sampled until then is on the tape.
  void stop();

  // After stop().
  const ProfilingCounts& counts() const { return counts_; }

 private:
  SampleRecording(std::unique_ptr<CpuSamples> samples, SamplingRates rates, Fd kallsyms)
      : samples_(std::move(samples)), rates_(std::move(rates)), kallsyms_(std::move(kallsyms)) {}
  Result<> sample(WatchedHost& host, TapeRecorder& tape);

  const std::unique_ptr<CpuSamples> samples_;
  const SamplingRates rates_;
  const Fd kallsyms_;
  ProfilingCounts counts_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace sonde::cli
