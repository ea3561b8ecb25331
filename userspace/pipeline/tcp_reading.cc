// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/tcp_reading.h"

#include <algorithm>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/pipeline/merge.h"
#include "userspace/pipeline/own_metrics.h"

namespace sonde {
namespace {

// A sweep walks all connections of the host; scrapes may come as they like.
constexpr uint64_t kSweepEveryNs = 5'000'000'000;
constexpr uint64_t kSweepRest = 100;  // it rests so many times as long as it took
constexpr uint64_t kLogEveryNs = 60'000'000'000;

}  // namespace

void TcpReading::read() {
  const uint64_t now = monotonic_ns();
  const auto done = health_.read(
      now, [&](const TcpPeer& peer, const TcpCounts& added) { metrics_.add(peer, added, now); });
  static log::Every every(kLogEveryNs);
  if (!done && every.due()) {
    log::warn("the health of TCP could not be read: {}", done.error().what);
  }
  metrics_.expire(now);
}

void TcpReading::append(std::vector<MetricFamily>& out, const TargetFacts& target,
                        const SnapshotClock& clock) {
  if (const uint64_t now = monotonic_ns(); now >= next_sweep_ns_) {
    static log::Every every(kLogEveryNs);
    if (auto swept = health_.sweep(); !swept && every.due()) {
      log::warn("round-trip times of living connections are missing: {}", swept.error().what);
    }
    const uint64_t ended = monotonic_ns();
    next_sweep_ns_ = ended + std::max(kSweepEveryNs, (ended - now) * kSweepRest);
  }
  read();
  metrics_.snapshot(out, clock);
  std::vector<MetricFamily> info;
  append_target_info(metrics_.services(), target, info);
  merge_families(out, std::move(info));
  std::vector<NamedCounter> counters;
#define X(name, help) counters.push_back({#name, help, metrics_.counters().name});
  SONDE_TCP_COUNTERS(X)
#undef X
  append_counters("sonde.tcp.peers", counters, out);
  out.push_back(gauge("sonde.tcp.peers.kept", "", "peers and overflow series kept",
                      static_cast<double>(metrics_.series())));
}

}  // namespace sonde
