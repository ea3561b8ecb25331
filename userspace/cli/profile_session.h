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
#include "userspace/pipeline/host_lines.h"
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
    uint64_t late_lines = 0;     // files whose lines would have taken too long
    uint64_t lines_no_room = 0;  // places whose lines found no room
    bool ended = false;          // by a signal, before its time
  };
  // tell: shows a person how far it is.
  Result<Made> make(uint64_t seconds, bool tell);

  const CpuSamples& samples() const { return *samples_; }
  // Files whose symbols could not be read.
  uint64_t unnamed() const { return unnamed_; }
  ExtractionCounts extraction() const {
    return extractor_ ? extractor_->counts() : ExtractionCounts();
  }

 private:
  ProfileSession(const ProfileConfig& wish, HostRules rules, SamplingRates rates,
                 std::optional<Extractor> extractor, std::unique_ptr<CpuSamples> samples);
  void name(Profiling& profiling, Made& out);

  const ProfileConfig wish_;
  const HostRules rules_;
  const SamplingRates rates_;
  std::optional<Extractor> extractor_;
  const std::unique_ptr<CpuSamples> samples_;
  const std::optional<Store> store_;
  const Fd kallsyms_;
  LateFiles late_;
  uint64_t unnamed_ = 0;
};

}  // namespace sonde::cli
