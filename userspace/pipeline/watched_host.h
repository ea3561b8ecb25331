// SPDX-License-Identifier: Apache-2.0
// WatchedHost: who is who on this host, and who is watched. Joins the inventory (names), the
// selection (rules) and the kernel side (verdicts). News of processes come in on the poller's
// thread in the order of the ring; /proc is read on a thread of our own - or by whoever asks about
// a process whose news were not read yet, so that no exchange is counted under the name a process
// had before its exec.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "userspace/inventory/inventory.h"
#include "userspace/inventory/selection.h"
#include "userspace/pipeline/services.h"

namespace sonde {

// X(name, help)
#define SONDE_HOST_COUNTERS(X)                                      \
  X(changes_seen, "forks, execs and exits told by the kernel side") \
  X(changes_dropped,                                                \
    "of them not kept for want of room: the process is read when it is asked about")

class WatchedHost : public ServiceDirectory {
 public:
  // Tells the kernel side about one process; called under no lock of ours but the writer's.
  using Verdict = std::function<void(Pid pid, bool watched)>;

  WatchedHost(std::string host_name, ProcRoot proc, Selection selection, Verdict verdict);
  ~WatchedHost() override;

  // Reads all processes there are, gives their verdicts, and starts the thread.
  Result<> start();

  // The poller's thread: something became of a process. Cheap.
  void on(const ProcessChanged& change);

  ServiceRef service_of(Pid pid) override;
  bool watched(const ConnectionOpened& connection) override;
  uint64_t version() const override { return version_.load(std::memory_order_acquire); }

  const Inventory& inventory() const { return inventory_; }
  size_t watched_processes() const { return watched_processes_; }
  uint64_t changes_seen() const { return changes_seen_; }
  uint64_t changes_dropped() const { return changes_dropped_; }
  // What is known of the process now.
  std::shared_ptr<const Process> process_of(Pid pid);

 private:
  // A change and its own copy of the name.
  struct News {
    ProcessChanged change;
    std::array<char, 16> name{};
  };

  void run();
  // Takes all news there are, in order. REQUIRES: inventory_mutex_ held.
  void catch_up();
  void judge(const std::shared_ptr<const Process>& process);

  const std::string host_name_;
  const Selection selection_;
  const Verdict verdict_;
  Inventory inventory_;  // its writer holds inventory_mutex_
  std::mutex inventory_mutex_;

  std::mutex news_mutex_;  // guards news_; held for moments only
  std::condition_variable news_arrived_;
  std::deque<News> news_;
  bool stop_ = false;
  std::atomic<bool> behind_{false};  // news_ is not empty

  std::mutex services_mutex_;                                // guards services_
  std::map<std::string, ServiceRef, std::less<>> services_;  // by name

  std::atomic<uint64_t> version_{0};
  std::atomic<uint64_t> changes_seen_{0};
  std::atomic<uint64_t> changes_dropped_{0};
  std::atomic<size_t> watched_processes_{0};
  std::thread thread_;
};

}  // namespace sonde
