// SPDX-License-Identifier: Apache-2.0
// ServedProfiles: CPU profiles as `sonde run` offers them to whoever asks. What takes privileges is
// opened before they are given up; while nobody asks, no clock runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exporters/http.h"
#include "exporters/profile_source.h"
#include "userspace/cli/checklist.h"
#include "userspace/config/config.h"
#include "userspace/pipeline/host_profiler.h"
#include "userspace/pipeline/profile_desk.h"
#include "userspace/pipeline/watched_host.h"

namespace sonde::cli {

class ServedProfiles : private ProfileSource {
 public:
  // Opens the sampler, and starts the process that reads files: before any thread runs. If there is
  // no sampler, every order is refused with the reason.
  ServedProfiles(const ProfileConfig& config, const SymbolsConfig& symbols, SamplingRates rates);

  // Ready to take orders: starts the thread. The host must live longer.
  void start(WatchedHost& host);

  // From the next profile on.
  void set_rates(SamplingRates rates);

  // /debug/pprof/... The server must not live longer.
  std::vector<HttpRoute> routes();
  // After start(). Null: there is no sampler.
  GovernedProfiles* governed() { return profiler_.get(); }

  // sonde.profile.*: nothing if there is no sampler. Any thread, after start().
  void append(std::vector<MetricFamily>& out) const;
  Check check() const;

 private:
  std::expected<std::unique_ptr<OrderedProfile>, ProfileRefusal> order(ProfileOrder order) override;

  SamplingRates rates_;
  HostProfiler::Opened opened_;  // until start()
  std::string why_not_;          // empty: they can be had
  std::unique_ptr<HostProfiler> profiler_;
  std::unique_ptr<ProfileDesk> desk_;
};

}  // namespace sonde::cli
