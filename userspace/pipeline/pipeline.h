// SPDX-License-Identifier: Apache-2.0
// Pipeline: the shards, fed by one thread. With one shard the feeding thread does the work itself; with more, each has
// a thread and a queue, and a connection always goes to the same one. All methods are the feeding thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "userspace/base/record_queue.h"
#include "userspace/model/metrics.h"
#include "userspace/pipeline/own_metrics.h"
#include "userspace/pipeline/shard.h"

namespace sonde {

struct PipelineOptions {
  size_t shards = 1;
  FlowLimits flows;  // in all; each shard gets its share
  RedLimits red;
  Labels target;  // labels of target_info beside the service's own
};

class Pipeline {
 public:
  Pipeline(ServiceDirectory& directory, PolicyTarget& policies, const PipelineOptions& options);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // A record of a connection (process records are not for us). Valid during the call.
  void record(std::span<const uint8_t> bytes);
  // After a batch: wakes the shards' threads.
  void flush();
  // Does some shard wait for what only a sweep can tell? (Of the last flush.)
  bool wants_sweep() const;

  // Everything counted from all records so far: the services' metrics and the books of our stages.
  void snapshot(std::vector<MetricFamily>& out, std::vector<StageLedger>& stages);

 private:
  struct Worker;
  // Runs f(shard) for each shard, with its thread at rest.
  template <typename F>
  void for_each_shard(F&& f);

  std::vector<std::unique_ptr<Worker>> workers_;
  Labels target_;
};

}  // namespace sonde
