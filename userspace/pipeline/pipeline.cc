// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/pipeline.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include "bpf/shared/records.h"
#include "userspace/base/record_queue.h"
#include "userspace/pipeline/merge.h"

namespace sonde {
namespace {

constexpr size_t kQueueBytes = 4 << 20;

RedLimits share_of(RedLimits limits, size_t shards) {
  limits.max_series /= shards;
  return limits;
}

FlowLimits share_of(FlowLimits limits, size_t shards) {
  limits.max_connections /= shards;
  limits.max_pending_bytes_total /= shards;
  return limits;
}

}  // namespace

// One shard, and its thread if there are several.
struct Pipeline::Worker {
  Worker(ServiceDirectory& directory, PolicyTarget& policies, const PipelineOptions& options)
      : shard(directory, policies, share_of(options.flows, options.shards),
              share_of(options.red, options.shards)) {
    if (options.shards > 1) {
      queue = std::make_unique<RecordQueue>(kQueueBytes);
      thread = std::thread([this] { run(); });
    }
  }

  ~Worker() {
    if (thread.joinable()) {
      do_at_rest([this] { stop = true; });
      thread.join();
    }
  }

  void run() {
    while (!stop) {
      queue->wait();
      queue->drain([this](std::span<const uint8_t> record) {
        if (record.empty()) {
          rest();
        } else {
          shard.record(record);
        }
      });
      wants_sweep.store(shard.wants_sweep(), std::memory_order_relaxed);
    }
  }

  // The worker's side of do_at_rest: an empty record stands for "all before this is done".
  void rest() {
    std::unique_lock lock(mutex);
    task();
    task = nullptr;
    done.notify_one();
  }

  // Has the worker's thread run f behind all records pushed so far, and waits for it.
  void do_at_rest(std::function<void()> f) {
    if (!queue) {
      f();
      return;
    }
    std::unique_lock lock(mutex);
    task = std::move(f);
    queue->push({});
    queue->publish();
    done.wait(lock, [this] { return task == nullptr; });
  }

  Shard shard;
  std::unique_ptr<RecordQueue> queue;
  std::thread thread;
  std::mutex mutex;
  std::condition_variable done;
  std::function<void()> task;
  bool stop = false;  // the worker's own
  std::atomic<bool> wants_sweep{false};
};

Pipeline::Pipeline(ServiceDirectory& directory, PolicyTarget& policies,
                   const PipelineOptions& options)
    : target_(options.target) {
  for (size_t i = 0; i < options.shards; i++) {
    workers_.push_back(std::make_unique<Worker>(directory, policies, options));
  }
}

Pipeline::~Pipeline() = default;

void Pipeline::record(std::span<const uint8_t> bytes) {
  if (workers_.size() == 1) {
    workers_[0]->shard.record(bytes);
    return;
  }
  uint64_t connection = 0;
  if (bytes.size() >= sizeof(sonde_record_header)) {
    std::memcpy(&connection, bytes.data() + offsetof(sonde_record_header, connection),
                sizeof(connection));
  }
  // The id holds a CPU and a count (bpf/maps/connections.h): the multiplication spreads both.
  const uint64_t hash = connection * 0x9e3779b97f4a7c15ull;
  workers_[(hash >> 32) % workers_.size()]->queue->push(bytes);
}

void Pipeline::flush() {
  for (auto& worker : workers_) {
    if (worker->queue) {
      worker->queue->publish();
    } else {
      worker->wants_sweep.store(worker->shard.wants_sweep(), std::memory_order_relaxed);
    }
  }
}

bool Pipeline::wants_sweep() const {
  for (const auto& worker : workers_) {
    if (worker->wants_sweep.load(std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void Pipeline::snapshot(PipelineSnapshot& out) {
  std::vector<ServiceRef> services;
  for (auto& worker : workers_) {
    worker->do_at_rest([&] {
      const Shard& shard = worker->shard;
      std::vector<MetricFamily> part;
      shard.red().snapshot(part);
      merge_families(out.families, std::move(part));
      for (const ServiceRef& service : shard.red().services()) {
        services.push_back(service);
      }
      auto add = [](auto& total, const auto& counters) {
        // The counter structs are plain arrays of 64-bit counts by construction (X-macros).
        using Counters = std::remove_cvref_t<decltype(counters)>;
        static_assert(sizeof(Counters) % sizeof(uint64_t) == 0);
        auto* to = reinterpret_cast<uint64_t*>(&total);
        const auto* from = reinterpret_cast<const uint64_t*>(&counters);
        for (size_t i = 0; i < sizeof(Counters) / sizeof(uint64_t); i++) {
          to[i] += from[i];
        }
      };
      add(out.shards, shard.counters());
      add(out.flows, shard.flows().counters());
      add(out.red, shard.red().counters());
      out.in_flight += shard.flows().in_flight();
      out.connections += shard.flows().connections();
      out.series += shard.red().series();
    });
  }
  out.families.push_back(target_info(services, target_));
}

}  // namespace sonde
