// SPDX-License-Identifier: Apache-2.0
// Live: everything that runs while Sonde watches this host - kernel side, host, pipeline, poller -
// built in order and taken down in the order of the flow. What exports it is added by the command.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "userspace/config/config.h"
#include "userspace/inventory/sampling_rates.h"
#include "userspace/pipeline/governing.h"
#include "userspace/pipeline/pipeline.h"
#include "userspace/pipeline/poller.h"
#include "userspace/pipeline/tcp_reading.h"
#include "userspace/pipeline/watched_host.h"
#include "userspace/sources/kernel_side.h"

namespace sonde {

class Live : private PolicyTarget {
 public:
  // Opens the kernel side, and starts no thread: who confines this process does it before start().
  // The door attempts are kept also on failure, in attempts.
  static Result<std::unique_ptr<Live>> open(const Config& config,
                                            std::vector<DoorAttempt>& attempts);
  ~Live() override;

  // Begins to watch. tap sees each record on the poller's thread (may be empty); more adds families
  // to each snapshot.
  Result<> start(Poller::Tap tap, std::function<void(std::vector<MetricFamily>&)> more);
  void stop();

  // Takes over what may change while we run: the rules and the routes. On failure nothing has
  // changed. After start().
  Result<> apply(const Config& config);

  // What the governor may slow down; before start(), and to outlive stop().
  void govern(GovernedProfiles* profiles) { governing_->set_profiles(profiles); }

  // How many services have requests; none: they could not be asked for. Any thread, after start().
  std::optional<size_t> services();

  KernelSide& kernel() { return *kernel_; }
  WatchedHost& host() { return *host_; }
  MetricSource& metrics() { return *poller_; }

 private:
  Live(const Config& config, std::unique_ptr<KernelSide> kernel, HostRules rules);
  void set_policy(ConnectionId connection, const Policy& policy) override;
  void learn_policy(Role role, const Address& local, const Address& remote,
                    uint32_t network_namespace, const Policy& policy) override;
  void append_books_to(const PipelineSnapshot& pipeline, uint64_t records_read,
                       std::vector<MetricFamily>& out);

  const Config& config_;
  std::unique_ptr<KernelSide> kernel_;
  std::unique_ptr<WatchedHost> host_;
  std::unique_ptr<Governing> governing_;
  std::unique_ptr<Pipeline> pipeline_;
  TargetFacts target_;
  std::unique_ptr<TcpReading> tcp_;  // null: the health of TCP is not watched
  std::unique_ptr<Poller> poller_;
  std::atomic<uint64_t> policies_written_{0};
  std::atomic<uint64_t> policies_failed_{0};
};

// What the configuration says of processes, users looked up. For WatchedHost::apply, too.
Result<HostRules> host_rules(const Config& config);
Result<SamplingRates> sampling_rates(const ProfileConfig& config);

// This host's name, as metrics show it.
std::string host_name();

}  // namespace sonde
