// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/pipeline.h"

#include <algorithm>
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

// What is bounded for each service or connection is the same however many shards there are.
ShardLimits share_of(ShardLimits limits, size_t shards) {
  limits.flows.max_connections /= shards;
  limits.flows.max_pending_bytes_total /= shards;
  limits.red.max_series /= shards;
  limits.red.max_active /= shards;
  limits.graph.max_pairs /= shards;
  return limits;
}

// The counter structs are plain arrays of 64-bit counts by construction (X-macros).
template <typename Counters>
void add(Counters& total, const Counters& counters) {
  static_assert(sizeof(Counters) % sizeof(uint64_t) == 0);
  auto* to = reinterpret_cast<uint64_t*>(&total);
  const auto* from = reinterpret_cast<const uint64_t*>(&counters);
  for (size_t i = 0; i < sizeof(Counters) / sizeof(uint64_t); i++) {
    to[i] += from[i];
  }
}

}  // namespace

// One shard, and its thread if there are several.
struct Pipeline::Worker {
  Worker(ServiceDirectory& directory, PolicyTarget& policies, Joins& joins,
         const PipelineOptions& options)
      : shard(directory, policies, joins, share_of(options.limits, options.shards)) {
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
    workers_.push_back(std::make_unique<Worker>(directory, policies, joins_, options));
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

std::vector<ServiceRef> Pipeline::services() {
  std::vector<ServiceRef> out;
  for (auto& worker : workers_) {
    worker->do_at_rest([&] {
      for (const ServiceRef& service : worker->shard.red().services()) {
        if (std::ranges::none_of(out,
                                 [&](const ServiceRef& known) { return *known == *service; })) {
          out.push_back(service);
        }
      }
    });
  }
  return out;
}

void Pipeline::set_routes(const RoutePatterns& routes) {
  for (auto& worker : workers_) {
    worker->do_at_rest([&] { worker->shard.set_routes(routes); });
  }
}

void Pipeline::snapshot(PipelineSnapshot& out, uint64_t now_ns) {
  std::vector<ServiceRef> services;
  std::vector<ServiceAccount> accounts;
  for (auto& worker : workers_) {
    worker->do_at_rest([&] {
      Shard& shard = worker->shard;
      ShardView view;
      shard.view(view, now_ns, clock_);
      merge_families(out.families, std::move(view.families));
      services.insert(services.end(), view.services.begin(), view.services.end());
      accounts.insert(accounts.end(), view.accounts.begin(), view.accounts.end());
      add(out.shards, shard.counters());
      add(out.flows, shard.flows().counters());
      add(out.red, shard.red().counters());
      add(out.graph, shard.graph().counters());
      out.in_flight += shard.flows().in_flight();
      out.connections += shard.flows().connections();
      out.series += shard.red().series();
      out.pairs += shard.graph().pairs();
    });
  }
  out.joins = joins_.counters();
  append_accounts(accounts, out.families);
  append_target_info(services, target_, out.families);
}

}  // namespace sonde
