// SPDX-License-Identifier: Apache-2.0
// ProfileSession: what `sonde profile` samples with. Opens what takes privileges, gives up the
// rest, and samples as often as it is asked to. One thread, the only one of its process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "symbolizer/store/store.h"
#include "userspace/base/fd.h"
#include "userspace/config/config.h"
#include "userspace/extraction/extractor.h"
#include "userspace/pipeline/profiling.h"
#include "userspace/pipeline/watched_host.h"

namespace sonde::cli {

class ProfileSession {
 public:
  // Before any thread runs: it starts a process that reads files.
  static Result<std::unique_ptr<ProfileSession>> open(const Config& config);

  struct Made {
    Profile profile;
    ProfilingCounts counts;
    bool ended = false;  // by a signal, before its time
  };
  // tell: shows a person how far it is.
  Result<Made> make(uint64_t seconds, bool tell);

  const CpuSamples& samples() const { return *samples_; }
  // Files whose symbols could not be read.
  uint64_t unnamed() const { return extractor_ ? extractor_->counts().failed : 0; }

 private:
  ProfileSession(const ProfileConfig& wish, HostRules rules, std::optional<Extractor> extractor,
                 std::unique_ptr<CpuSamples> samples);

  const ProfileConfig wish_;
  const HostRules rules_;
  std::optional<Extractor> extractor_;
  const std::unique_ptr<CpuSamples> samples_;
  const std::optional<Store> store_;
  const Fd kallsyms_;
};

}  // namespace sonde::cli
