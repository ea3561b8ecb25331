// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/watched_host.h"

#include <fmt/format.h>

#include <chrono>

#include "userspace/base/clock.h"

namespace sonde {
namespace {

constexpr size_t kMaxNews = 65536;
// Services ever named; beyond it nothing is remembered and each is made anew.
constexpr size_t kMaxServices = 16384;
const std::string kUnknown = "unknown";
constexpr std::chrono::seconds kTick{1};

ProcessFacts facts_of(const Process& process) {
  return {.executable = process.executable,
          .command_line = process.command_line,
          .cgroup = process.cgroup,
          .user = process.user};
}

}  // namespace

WatchedHost::WatchedHost(std::string host_name, ProcRoot proc, Selection selection, Verdict verdict)
    : host_name_(std::move(host_name)),
      selection_(std::move(selection)),
      verdict_(std::move(verdict)),
      inventory_(std::move(proc)) {}

WatchedHost::~WatchedHost() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(news_mutex_);
      stop_ = true;
    }
    news_arrived_.notify_one();
    thread_.join();
  }
}

Result<> WatchedHost::start() {
  const std::lock_guard lock(inventory_mutex_);
  if (auto scanned = inventory_.scan(); !scanned) {
    return scanned;
  }
  inventory_.each([this](const std::shared_ptr<const Process>& process) { judge(process); });
  thread_ = std::thread([this] { run(); });
  return {};
}

void WatchedHost::judge(const std::shared_ptr<const Process>& process) {
  // Rules with ports are asked for each connection: its bytes come, and are dropped by the shard if
  // excluded.
  const bool excluded = selection_.decide(facts_of(*process)) == Selected::kExcluded;
  verdict_(process->pid, !excluded);
}

void WatchedHost::on(const ProcessChanged& change) {
  changes_seen_++;
  // At once, so that no answer from before outlives the change: who asks again waits for the news.
  if (change.change != ProcessChange::kFork) {
    version_.fetch_add(1, std::memory_order_release);
  }
  {
    const std::lock_guard lock(news_mutex_);
    if (news_.size() >= kMaxNews) {
      changes_dropped_++;
      return;
    }
    News& news = news_.emplace_back(change);
    news.change.name = {};  // it points into the record
    change.name.copy(news.name.data(), news.name.size() - 1);
    behind_.store(true, std::memory_order_release);
  }
  news_arrived_.notify_one();
}

void WatchedHost::catch_up() {
  for (;;) {
    std::deque<News> news;
    {
      const std::lock_guard lock(news_mutex_);
      news.swap(news_);
      if (news.empty()) {
        // Not before all of it was acted upon: who asks meanwhile waits for us.
        behind_.store(false, std::memory_order_release);
        return;
      }
    }
    for (News& one : news) {
      ProcessChanged& change = one.change;
      change.name = one.name.data();
      inventory_.on_process(change);
      if (change.change == ProcessChange::kExec) {
        if (const auto process = inventory_.find(change.pid)) {
          judge(process);
        }
      }
    }
  }
}

void WatchedHost::run() {
  std::unique_lock lock(news_mutex_);
  while (!stop_) {
    news_arrived_.wait_for(lock, kTick, [this] { return stop_ || !news_.empty(); });
    lock.unlock();
    {
      const std::lock_guard writer(inventory_mutex_);
      catch_up();
      inventory_.tick(monotonic_ns());
    }
    lock.lock();
  }
}

std::shared_ptr<const Process> WatchedHost::process_of(Pid pid) {
  if (behind_.load(std::memory_order_acquire)) {
    const std::lock_guard writer(inventory_mutex_);
    catch_up();
  }
  if (auto process = inventory_.find(pid)) {
    return process;
  }
  const std::lock_guard writer(inventory_mutex_);
  return inventory_.discover(pid);
}

ServiceRef WatchedHost::service_of(Pid pid) {
  const auto process = process_of(pid);
  const std::string& name = process ? process->service_name : kUnknown;
  const std::lock_guard lock(services_mutex_);
  if (const auto found = services_.find(name); found != services_.end()) {
    return found->second;
  }
  // All processes of one name are one instance: a label for each of a million short-lived ones
  // would be the end of whoever stores them.
  auto service =
      std::make_shared<const Service>(Service{.name = name,
                                              .name_space = {},
                                              .instance = fmt::format("{}:{}", host_name_, name),
                                              .job = name,
                                              .language = {},
                                              .extra = {}});
  if (services_.size() < kMaxServices) {
    services_.emplace(name, service);
  }
  return service;
}

bool WatchedHost::watched(const ConnectionOpened& connection) {
  auto process = process_of(connection.pid);
  if (process && process->start_ticks == 0) {
    // Known from its parent only: a server may have changed its user since the fork.
    const std::lock_guard writer(inventory_mutex_);
    if (auto confirmed = inventory_.confirm(connection.pid)) {
      process = std::move(confirmed);
      judge(process);
    }
  }
  const ConnectionPorts ports{connection.role, connection.local.port, connection.remote.port};
  return selection_.includes(process ? facts_of(*process) : ProcessFacts{}, ports);
}

}  // namespace sonde
