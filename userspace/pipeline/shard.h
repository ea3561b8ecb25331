// SPDX-License-Identifier: Apache-2.0
// Shard: its own share of the connections, from raw record to counted request. One thread uses it;
// nothing is shared but the directory and the policy target, which are made for many.
#pragma once

#include <tsl/robin_set.h>

#include <array>
#include <cstdint>
#include <span>

#include "userspace/flows/flows.h"
#include "userspace/pipeline/red.h"
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

class Shard : private FlowSink {
 public:
  // directory and policies must outlive the shard.
  Shard(ServiceDirectory& directory, PolicyTarget& policies, const FlowLimits& flows,
        const RedLimits& red);

  // One record of one of our connections.
  void record(std::span<const uint8_t> bytes);
  bool wants_sweep() const { return flows_.wants_sweep(); }

  const ShardCounters& counters() const { return counters_; }
  const Flows& flows() const { return flows_; }
  const RedMetrics& red() const { return red_; }

  // Decoder's callbacks.
  void on(const ConnectionOpened& event);
  void on(const DataMoved& event);
  void on(const TurnProgress& event);
  void on(const ConnectionClosed& event);
  void on(const ProcessChanged&) { counters_.records_taken++; }  // the inventory had it already

 private:
  void request(const Request& request, const ConnectionFacts& connection) override;
  bool repeated(const Request& request, const ConnectionFacts& connection) override;
  void policy(const ConnectionFacts& connection, const Policy& policy, bool learn) override;
  const ServiceRef& service_of(Pid pid);
  bool excluded(ConnectionId id);

  // Answers of the directory, by the low bits of the pid; all are forgotten when its version moves.
  struct CachedService {
    Pid pid{};
    uint64_t version = ~uint64_t{0};
    ServiceRef service;
  };

  ServiceDirectory& directory_;
  PolicyTarget& policies_;
  Flows flows_;
  RedMetrics red_;
  ShardCounters counters_;
  std::array<CachedService, 64> services_;
  tsl::robin_set<uint64_t> excluded_;
};

}  // namespace sonde
