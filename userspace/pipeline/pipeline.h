// SPDX-License-Identifier: Apache-2.0
// Pipeline: the shards, fed by one thread. With one shard the feeding thread does the work itself;
// with more, each has a thread and a queue, and a connection always goes to the same one. All
// methods are the feeding thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/pipeline/shard.h"
#include "userspace/pipeline/target_info.h"

namespace sonde {

struct PipelineOptions {
  size_t shards = 1;
  ShardLimits limits;  // in all; each shard gets its share
  TargetFacts target;
};

// What the pipeline knows at one moment.
struct PipelineSnapshot {
  std::vector<MetricFamily> families;  // of the services
  ShardCounters shards;
  FlowCounters flows;
  RedCounters red;
  GraphCounters graph;
  JoinCounters joins;
  uint64_t in_flight = 0;    // exchanges begun and not ended
  uint64_t connections = 0;  // known to the flows
  uint64_t series = 0;
  uint64_t pairs = 0;  // of the service graph
};

class Pipeline {
 public:
  Pipeline(ServiceDirectory& directory, PolicyTarget& policies, const PipelineOptions& options);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // A record, valid during the call.
  void record(std::span<const uint8_t> bytes);
  // After a batch: wakes the shards' threads.
  void flush();
  // Does some shard wait for what only a sweep can tell? (Of the last flush.)
  bool wants_sweep() const;

  // The operator's routes from the next record on; the records before it have the old ones.
  void set_routes(const RoutePatterns& routes);

  // The services that have requests, each once.
  std::vector<ServiceRef> services();

  // By which points say when they began; unless it is told, they do not.
  SnapshotClock& clock() { return clock_; }

  // Everything counted from all records so far. now_ns: kernel clock, by which idle series leave;
  // 0: they stay.
  void snapshot(PipelineSnapshot& out, uint64_t now_ns = 0);

 private:
  struct Worker;

  Joins joins_;  // outlives the workers
  std::vector<std::unique_ptr<Worker>> workers_;
  const TargetFacts target_;
  SnapshotClock clock_;
};

}  // namespace sonde
