// SPDX-License-Identifier: Apache-2.0
// ServiceGraph: who calls whom, how often, how long, with what success: one pair for each client
// and server of one shard. Metrics of a name that service graphs are drawn from everywhere. One
// thread.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/request.h"
#include "userspace/pipeline/capped_table.h"
#include "userspace/pipeline/histogram.h"
#include "userspace/pipeline/joins.h"
#include "userspace/pipeline/snapshot_clock.h"

namespace sonde {

struct GraphLimits {
  size_t max_pairs = 2'000;
  size_t max_pairs_of_service = 200;
};

// X(name, help); seen = counted + twice.
#define SONDE_GRAPH_COUNTERS(X)                                            \
  X(seen, "exchanges handed to the service graph")                         \
  X(counted, "exchanges counted in a pair of services")                    \
  X(twice, "exchanges seen at both ends on this host, told a second time") \
  X(overflowed, "exchanges told to an overflow pair for want of room")     \
  X(expired, "pairs that left since nobody used them")

struct GraphCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_GRAPH_COUNTERS(X)
#undef X
};

// One side of a pair. Both empty: not told.
struct GraphSide {
  std::string_view name;
  std::string_view name_space;
};

struct ServicePair {
  Lease lease;
  std::shared_ptr<const Labels> labels;
  bool overflow = false;  // stands for several there was no room for
  uint64_t total = 0;
  uint64_t failed = 0;
  DurationHistogram client;  // as the client saw it
  DurationHistogram server;
};

class ServiceGraph {
 public:
  // clock must outlive the graph.
  ServiceGraph(const IdleClock& clock, const GraphLimits& limits);
  ~ServiceGraph();

  // The pair of those two, or an overflow pair. role: which of them is the service that asks; the
  // caps go by it. What it returns stays until expire() lets it go.
  ServicePair& pair(Role role, const GraphSide& client, const GraphSide& server,
                    std::string_view connection_type, uint64_t began_ns);
  // The overflow pair of the service on its side.
  ServicePair& overflow(Role role, const GraphSide& own, std::string_view connection_type,
                        uint64_t began_ns);

  void add(ServicePair& pair, Role role, const DurationHistogram::Place& duration,
           const Join::Count& count);

  // Lets idle pairs go. True: some went.
  bool expire();

  void snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock) const;

  const GraphCounters& counters() const { return counters_; }
  size_t pairs() const { return table_.size(); }

 private:
  void begin_key(char kind, std::string_view connection_type);
  void add_to_key(const GraphSide& side);
  Share& share_of(const GraphSide& own);
  ServicePair& add_pair(Share& share, const GraphSide& client, const GraphSide& server,
                        std::string_view connection_type, uint64_t began_ns);

  const IdleClock& clock_;
  const GraphLimits limits_;
  GraphCounters counters_;
  CappedTable<ServicePair> table_;
  Share nobody_;  // of overflow pairs without a service
  tsl::robin_map<std::string, std::unique_ptr<Share>> shares_;
  std::string key_;  // scratch
};

}  // namespace sonde
