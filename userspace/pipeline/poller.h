// SPDX-License-Identifier: Apache-2.0
// Poller: the thread that reads the kernel's ring and feeds the pipeline. It sleeps without a
// time-out while nothing happens; the first record wakes it, and from then on it batches: at most
// one wake-up in each interval, or when the ring fills. Whoever wants the current metrics asks
// through collect(), and is answered between two batches, with everything counted that happened
// before.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "exporters/exporter.h"
#include "userspace/base/fd.h"
#include "userspace/base/result.h"
#include "userspace/pipeline/pipeline.h"
#include "userspace/sources/kernel_side.h"

namespace sonde {

struct PollerOptions {
  uint32_t batch_interval_ms = 10;
  uint32_t sweep_interval_ms = 500;
  uint32_t unix_sweep_interval_ms = 1000;
};

class Poller : public MetricSource, private RecordReader {
 public:
  // Sees each record before the pipeline does: the tape, the inventory. The poller's thread.
  using Tap = std::function<void(std::span<const uint8_t>)>;
  // Adds what is not the pipeline's to a snapshot. The poller's thread.
  using Extra = std::function<void(const PipelineSnapshot&, uint64_t records_read,
                                   std::vector<MetricFamily>&)>;
  // What is to be done from time to time. The poller's thread.
  using Chore = std::function<void()>;

  // kernel and pipeline must outlive the poller.
  Poller(KernelSide& kernel, Pipeline& pipeline, const PollerOptions& options, Tap tap,
         Extra extra);
  ~Poller() override;

  // Before start. Done once in each interval in which records came, at its end: a host on which
  // nothing happens wakes nobody.
  void add_chore(uint32_t interval_ms, Chore chore);

  Result<> start();
  // Takes the hooks down, reads what is there, and ends the thread. Who asks from then on gets the
  // last answer.
  void stop();

  std::shared_ptr<const MetricSnapshot> collect() override;

  // Runs the task on the poller's thread between two batches, which is where the pipeline may be
  // changed, and waits for it. False: the poller is so far behind that it was not waited for any
  // longer; it runs later, so it owns what it works on. Or that we have ended. After start().
  bool do_between_batches(std::function<void()> task);

 private:
  void record(std::span<const uint8_t> bytes) override;
  void run();
  void sweep();
  void do_tasks();
  void answer();
  void end();
  void do_chores(bool busy);
  // Sleeps until there is something to do; busy: the last round found records.
  void sleep(bool busy);

  KernelSide& kernel_;
  Pipeline& pipeline_;
  const PollerOptions options_;
  const Tap tap_;
  const Extra extra_;
  const uint64_t start_ns_;

  uint64_t records_read_ = 0;
  uint64_t next_sweep_ns_ = 0;
  uint64_t next_unix_sweep_ns_ = 0;
  struct Due {
    Chore chore;
    uint64_t interval_ns = 0;
    uint64_t next_ns = 0;  // 0: nothing happened since the last
  };
  std::vector<Due> chores_;
  Fd epoll_;
  Fd wake_;
  std::thread thread_;
  std::atomic<bool> stop_{false};

  std::mutex mutex_;  // guards what follows; held for moments only
  std::vector<std::packaged_task<void()>> tasks_;
  std::vector<std::promise<std::shared_ptr<const MetricSnapshot>>> questions_;
  std::shared_ptr<const MetricSnapshot> last_;
  bool ended_ = false;  // whoever comes now is too late
};

}  // namespace sonde
