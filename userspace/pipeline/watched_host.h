// SPDX-License-Identifier: Apache-2.0
// WatchedHost: who is who on this host, and who is watched. Joins the inventory (names), the
// selection (rules) and the kernel side (verdicts). News of processes come in on the poller's
// thread in the order of the ring; /proc is read on a thread of our own - or by whoever asks about
// a process whose news were not read yet, so that no exchange is counted under the name a process
// had before its exec.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "userspace/inventory/inventory.h"
#include "userspace/inventory/namer.h"
#include "userspace/inventory/selection.h"
#include "userspace/pipeline/services.h"

namespace sonde {

// X(name, help)
#define SONDE_HOST_COUNTERS(X)                                                       \
  X(changes_seen, "forks, execs and exits told by the kernel side")                  \
  X(changes_dropped,                                                                 \
    "of them not kept for want of room: the process is read when it is asked about") \
  X(texts_dropped,                                                                   \
    "execs whose words were not kept for want of room: read from /proc, or named shortly")

// What the operator says of processes: which are watched, and who they are.
struct HostRules {
  Selection selection = {};
  NamingRules naming = {};
};

class WatchedHost : public ServiceDirectory {
 public:
  // Tells the kernel side about one process; called under no lock of ours but the writer's.
  using Verdict = std::function<void(Pid pid, bool watched, Restraint restraint)>;

  WatchedHost(std::string host_name, ProcRoot proc, HostRules rules, Verdict verdict,
              Containers containers = Containers());
  ~WatchedHost() override;

  // Reads all processes there are, gives their verdicts, and starts the thread.
  Result<> start();

  // Any thread: from when it returns these rules hold, for every process there is. Connections that
  // are open already stay watched, or unwatched, as they are.
  void apply(HostRules rules);

  // Any thread: from when it returns this holds for every process of the service there is, and for
  // those to come. For as many services as somebody asks for: a few.
  void restrain(const ServiceRef& service, Restraint restraint);

  // The poller's thread: something became of a process. Cheap.
  void on(const ProcessChanged& change);

  ServiceRef service_of(Pid pid) override;
  bool watched(const ConnectionOpened& connection) override;
  bool known(Pid pid) override { return process_of(pid) != nullptr; }
  uint64_t version() const override { return version_.load(std::memory_order_acquire); }

  // Whether the rules leave it out, whatever its connections are. Null: nothing is known of it. Any
  // thread.
  bool excludes(const Process* process) const;

  const Inventory& inventory() const { return inventory_; }
  size_t watched_processes() const { return watched_processes_; }
  uint64_t changes_seen() const { return changes_seen_; }
  uint64_t changes_dropped() const { return changes_dropped_; }
  uint64_t texts_dropped() const { return texts_dropped_; }
  // Namings that wanted an instance of their own beyond the cap.
  uint64_t instances_shared() const { return instances_shared_ + namer()->instances_shared(); }
  // What is known of the process now.
  std::shared_ptr<const Process> process_of(Pid pid);

 private:
  // A change and its own copy of what it says; of an environment only what tells who it is.
  struct News {
    ProcessChanged change;
    std::string name;
    std::string executable;
    std::string arguments;
    std::string environment;
    size_t text_bytes() const { return executable.size() + arguments.size() + environment.size(); }
  };

  void run();
  // Takes all news there are, in order. REQUIRES: inventory_mutex_ held.
  void catch_up();
  void judge(const std::shared_ptr<const Process>& process);
  Restraint restraint_on(const Process& process) const;
  std::shared_ptr<const Selection> selection() const;
  std::shared_ptr<Namer> namer() const;
  void use(HostRules rules);

  const std::string host_name_;
  const Verdict verdict_;
  mutable std::mutex rules_mutex_;  // guards the two pointers; held for moments only
  std::shared_ptr<const Selection> selection_;
  std::shared_ptr<Namer> namer_;
  Inventory inventory_;  // its writer holds inventory_mutex_
  std::mutex inventory_mutex_;
  std::vector<std::pair<ServiceRef, Restraint>> restrained_;  // the writer's

  std::mutex news_mutex_;  // guards news_; held for moments only
  std::condition_variable news_arrived_;
  std::deque<News> news_;
  size_t news_text_bytes_ = 0;
  bool stop_ = false;
  std::atomic<bool> behind_{false};  // news_ is not empty

  std::atomic<uint64_t> version_{0};
  std::atomic<uint64_t> changes_seen_{0};
  std::atomic<uint64_t> changes_dropped_{0};
  std::atomic<uint64_t> texts_dropped_{0};
  std::atomic<uint64_t> instances_shared_{0};  // by rules no longer in force
  std::atomic<size_t> watched_processes_{0};
  std::thread thread_;
};

}  // namespace sonde
