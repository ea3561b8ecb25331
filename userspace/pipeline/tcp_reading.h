// SPDX-License-Identifier: Apache-2.0
// TcpReading: takes the health of TCP from the kernel side to the metrics, for one thread (the
// poller's). Between scrapes it is to be read every few seconds while anything happens, so that the
// kernel's table does not fill and processes are named while they are remembered.
#pragma once

#include <cstdint>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/pipeline/target_info.h"
#include "userspace/pipeline/tcp_metrics.h"
#include "userspace/sources/tcp_health.h"

namespace sonde {

class TcpReading {
 public:
  // How often to call read() while anything happens.
  static constexpr uint32_t kReadEveryMs = 5'000;

  // Both must outlive us.
  TcpReading(TcpHealth& health, ServiceDirectory& directory, const TcpLimits& limits)
      : health_(health), metrics_(directory, limits) {}

  void read();
  // Reads, and appends the families, what is known of their services, and our own counters. Living
  // connections are looked at now, unless that was done moments ago.
  void append(std::vector<MetricFamily>& out, const TargetFacts& target,
              const SnapshotClock& clock);

 private:
  TcpHealth& health_;
  TcpMetrics metrics_;
  uint64_t next_sweep_ns_ = 0;
};

}  // namespace sonde
