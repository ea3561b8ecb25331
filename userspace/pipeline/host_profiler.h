// SPDX-License-Identifier: Apache-2.0
// HostProfiler: profiles of this host as they are ordered, by a sampler that is open already, and
// the books over all samples that it ever took.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "exporters/profile_source.h"
#include "userspace/base/fd.h"
#include "userspace/extraction/extractor.h"
#include "userspace/model/metrics.h"
#include "userspace/pipeline/governing.h"
#include "userspace/pipeline/host_lines.h"
#include "userspace/pipeline/profiling.h"

namespace sonde {

class HostProfiler : public GovernedProfiles {
 public:
  // What is opened before privileges are given up. extractor, kallsyms: as HostNames has them; each
  // may be none.
  struct Opened {
    std::unique_ptr<CpuSamples> samples;
    std::optional<Extractor> extractor;
    Fd kallsyms;
    bool lines = true;  // lines of source are told to who asks for them
  };
  HostProfiler(Opened opened, SamplingRates rates, FindProcess find, WantProcess want);

  // One thread. Returns soon after given_up.
  Result<Profile> make(const ProfileOrder& order, const std::atomic<bool>& given_up);

  // From the next profile on. Any thread.
  void set_rates(SamplingRates rates);

  bool is_making() const override { return making_; }
  void slow_down(uint32_t times) override { slowness_ = times; }

  // sonde.profile.samples.taken, sonde.profile.samples {fate}: the same sum;
  // sonde.profile.stacks.copied, sonde.profile.stacks.by_frame_pointers,
  // sonde.profile.lines.late. Any thread.
  void append(std::vector<MetricFamily>& out) const;

 private:
  struct Fates {
    uint64_t taken = 0;
    uint64_t thinned = 0;
    uint64_t profiled = 0;
    uint64_t without_stack = 0;
    uint64_t unwanted = 0;
    uint64_t given_up = 0;
    uint64_t ring_full = 0;
    uint64_t misread = 0;
    uint64_t copied = 0;             // of all of them
    uint64_t by_frame_pointers = 0;  // of all of them
  };
  void book(const ProfilingCounts& counts, bool given_up);

  void add_lines(Extractor& extractor, Profiling& profiling, Profile& profile,
                 const std::atomic<bool>& given_up);

  Opened opened_;
  LateFiles late_;
  const FindProcess find_;
  const WantProcess want_;
  std::atomic<bool> making_{false};
  std::atomic<uint32_t> slowness_{1};
  mutable std::mutex mutex_;  // guards the next two; held for moments only
  SamplingRates rates_;
  Fates fates_;
  std::atomic<uint64_t> late_lines_{0};  // files
};

}  // namespace sonde
