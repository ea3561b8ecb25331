// SPDX-License-Identifier: Apache-2.0
// TcpMetrics: the health of TCP by service and peer. Every count that is told is in exactly one
// series: when the caps leave no room for a peer it counts in its service's overflow series, and
// beyond the cap of services in one without a name. Peers that nothing is told of for a while are
// forgotten, so that new ones have room. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/service.h"
#include "userspace/model/tcp_health.h"
#include "userspace/pipeline/services.h"
#include "userspace/pipeline/snapshot_clock.h"

namespace sonde {

struct TcpLimits {
  size_t max_peers = 2'000;  // in all; overflow series come on top, one a service
  size_t max_peers_of_service = 50;
  size_t max_services = 1'000;
  uint64_t idle_ns = 300'000'000'000;  // 0: what was told of once stays
};

// X(name, help); told = counted + overflowed + excluded.
#define SONDE_TCP_COUNTERS(X)                                                    \
  X(told, "times that the kernel side told something new of a process' peer")    \
  X(counted, "of them counted under the peer's own address")                     \
  X(overflowed, "of them counted in an overflow series for want of room")        \
  X(excluded, "of them of processes or ports that are not watched: not counted") \
  X(expired, "series forgotten because nothing was told of them for long")       \
  X(unnamed, "times that a process had ended before anybody asked for its name")

struct TcpCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_TCP_COUNTERS(X)
#undef X
};

class TcpMetrics {
 public:
  explicit TcpMetrics(ServiceDirectory& directory, const TcpLimits& limits = {});
  ~TcpMetrics();
  TcpMetrics(const TcpMetrics&) = delete;
  TcpMetrics& operator=(const TcpMetrics&) = delete;

  // What was added since the last time for this peer.
  void add(const TcpPeer& peer, const TcpCounts& added, uint64_t now_ns);
  // Forgets what was idle for too long.
  void expire(uint64_t now_ns);

  // Appends the families that have points.
  void snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock = {}) const;

  // The services that have series, for target_info.
  std::vector<ServiceRef> services() const;
  size_t series() const { return series_.size(); }
  const TcpCounters& counters() const { return counters_; }

 private:
  // Whose a peer is. Kept for a while, since facts of a process come after its end.
  struct Owner {
    ServiceRef service;
    bool watched = false;
    uint64_t seen_ns = 0;
  };
  struct State {
    ServiceRef service;
    Labels labels;
    size_t series = 0;
    size_t peers = 0;  // of them those that stand for one peer
  };
  struct Series {
    State* state = nullptr;  // null: of all services there was no room for
    std::shared_ptr<const Labels> labels;
    TcpCounts counts;
    uint64_t began_ns = 0;
    uint64_t moved_ns = 0;
    bool overflow = false;
  };

  const Owner& owner_of(const TcpPeer& peer, uint64_t now_ns);
  State* state_of(const ServiceRef& service);
  Series& series_of(const TcpPeer& peer, State* state);
  Series& overflow_of(State* state);

  ServiceDirectory& directory_;
  const TcpLimits limits_;
  TcpCounters counters_;
  size_t peers_ = 0;
  std::unordered_map<uint64_t, Owner> owners_;  // by process, role and port
  std::map<Labels, std::unique_ptr<State>> states_;
  std::map<std::string, Series> series_;  // by state and peer
};

}  // namespace sonde
