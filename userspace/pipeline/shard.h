// SPDX-License-Identifier: Apache-2.0
// Shard: its own share of the connections, from raw record to counted request. One thread uses it;
// nothing is shared but the directory, the policy target and the joins, which are made for many.
#pragma once

#include <tsl/robin_set.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "userspace/flows/flows.h"
#include "userspace/pipeline/joins.h"
#include "userspace/pipeline/red.h"
#include "userspace/pipeline/service_graph.h"
#include "userspace/pipeline/services.h"
#include "userspace/sources/decode.h"

namespace sonde {

// X(name, help); records_seen = records_taken + records_excluded + records_malformed.
#define SONDE_SHARD_COUNTERS(X)                                               \
  X(records_seen, "records handed to the pipeline")                           \
  X(records_taken, "records of watched connections, and of processes")        \
  X(records_excluded, "records of connections that the selection leaves out") \
  X(records_malformed, "records that could not be decoded")

struct ShardCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_SHARD_COUNTERS(X)
#undef X
};

struct ShardLimits {
  FlowLimits flows;
  RedLimits red;
  GraphLimits graph;
};

// What a shard knows at one moment, beside its counters.
struct ShardView {
  std::vector<MetricFamily> families;
  std::vector<ServiceAccount> accounts;
  std::vector<ServiceRef> services;
};

class Shard : private FlowSink {
 public:
  // directory, policies and joins must outlive the shard.
  Shard(ServiceDirectory& directory, PolicyTarget& policies, Joins& joins,
        const ShardLimits& limits);

  // One record of one of our connections.
  void record(std::span<const uint8_t> bytes);
  bool wants_sweep() const { return flows_.wants_sweep(); }

  // Other routes from the next record on.
  void set_routes(const RoutePatterns& routes) { red_.set_routes(routes); }

  const ShardCounters& counters() const { return counters_; }
  const Flows& flows() const { return flows_; }
  const RedMetrics& red() const { return red_; }
  const ServiceGraph& graph() const { return graph_; }

  // now_ns: kernel clock, by which idle things leave; 0: none do.
  void view(ShardView& out, uint64_t now_ns, const SnapshotClock& clock);

  // Decoder's callbacks.
  void on(const ConnectionOpened& event);
  void on(const DataMoved& event);
  void on(const TurnProgress& event);
  void on(const ConnectionClosed& event);
  void on(const ProcessChanged&) { counters_.records_taken++; }  // the inventory had it already

 private:
  struct Peer;

  std::unique_ptr<ConnectionNote> met(const ConnectionFacts& connection) override;
  void request(const Request& request, const ConnectionFacts& connection) override;
  bool repeated(const Request& request, const ConnectionFacts& connection) override;
  void lost(const ConnectionFacts& connection, FlowLoss what, uint64_t count) override;
  void policy(const ConnectionFacts& connection, const Policy& policy, bool learn) override;
  void relate(Series& series, const Request& request, const ConnectionFacts& connection,
              const ServiceRef& service);
  ServicePair& pair_of(Series& series, const Request& request, const ConnectionFacts& connection,
                       const ServiceRef& service, Peer& peer);
  ServicePair& pair_on_host(const Request& request, const ServiceRef& service, const Peer& peer);
  void advance(uint64_t now_ns);
  // Moves whenever something that was noted with an exchange may not be true any more.
  uint64_t version() const { return directory_.version() + red_.version(); }
  const ServiceRef& service_of(Pid pid);
  bool excluded(ConnectionId id);

  // Answers of the directory, by the low bits of the pid; all are forgotten when its version moves.
  struct CachedService {
    Pid pid{};
    uint64_t version = ~uint64_t{0};
    ServiceRef service;
  };

  // Pairs of services that are both on this host, by the addresses of the two.
  struct CachedPair {
    ServiceRef own;
    ServiceRef other;
    const Schema* schema = nullptr;
    Role role = Role::kUnknown;
    uint64_t version = 0;
    ServicePair* pair = nullptr;
  };

  ServiceDirectory& directory_;
  PolicyTarget& policies_;
  Joins& joins_;
  RedMetrics red_;
  ServiceGraph graph_;
  ShardCounters counters_;
  std::array<CachedService, 64> services_;
  std::array<CachedPair, 64> pairs_;
  tsl::robin_set<uint64_t> excluded_;
  Flows flows_;  // last: what it loses as it goes is counted above
};

}  // namespace sonde
