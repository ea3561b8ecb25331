// SPDX-License-Identifier: Apache-2.0
// ProfileSession: what `sonde profile` samples with. Opens what takes privileges, gives up the
// rest, and samples as often as it is asked to. One thread, the only one of its process.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/config/config.h"
#include "userspace/pipeline/profiling.h"
#include "userspace/pipeline/watched_host.h"

namespace sonde::cli {

class ProfileSession {
 public:
  // but: calls that stay allowed when it is confined.
  static Result<std::unique_ptr<ProfileSession>> open(const Config& config,
                                                      std::span<const std::string_view> but = {});

  struct Made {
    Profile profile;
    ProfilingCounts counts;
    bool ended = false;  // by a signal, before its time
  };
  // tell: shows a person how far it is.
  Result<Made> make(uint64_t seconds, bool tell);

  const CpuSamples& samples() const { return *samples_; }

 private:
  ProfileSession(const ProfileConfig& wish, HostRules rules, std::unique_ptr<CpuSamples> samples);

  const ProfileConfig wish_;
  const HostRules rules_;
  const std::unique_ptr<CpuSamples> samples_;
  const Fd kallsyms_;
};

}  // namespace sonde::cli
