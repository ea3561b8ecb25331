// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/watched_host.h"

#include <algorithm>
#include <chrono>

#include "userspace/base/clock.h"
#include "userspace/inventory/declared.h"

namespace sonde {
namespace {

constexpr size_t kMaxNews = 65536;
constexpr size_t kMaxNewsText = 32 << 20;  // bytes of words that came with them
constexpr std::chrono::seconds kTick{1};

}  // namespace

WatchedHost::WatchedHost(std::string host_name, ProcRoot proc, HostRules rules, Verdict verdict,
                         Containers containers)
    : host_name_(std::move(host_name)),
      verdict_(std::move(verdict)),
      inventory_(std::move(proc), kMaxProcesses, std::move(containers)) {
  use(std::move(rules));
}

std::shared_ptr<const Selection> WatchedHost::selection() const {
  const std::lock_guard lock(rules_mutex_);
  return selection_;
}

std::shared_ptr<Namer> WatchedHost::namer() const {
  const std::lock_guard lock(rules_mutex_);
  return namer_;
}

// REQUIRES: inventory_mutex_ held, or nobody else there yet.
void WatchedHost::use(HostRules rules) {
  auto selection = std::make_shared<const Selection>(std::move(rules.selection));
  auto namer = std::make_shared<Namer>(host_name_, std::move(rules.naming));
  inventory_.rename([namer](const Process& process) { return namer->name(process); });
  const std::lock_guard lock(rules_mutex_);
  instances_shared_ += namer_ != nullptr ? namer_->instances_shared() : 0;
  selection_ = std::move(selection);
  namer_ = std::move(namer);
}

void WatchedHost::apply(HostRules rules) {
  const std::lock_guard writer(inventory_mutex_);
  catch_up();
  use(std::move(rules));
  inventory_.each([this](const std::shared_ptr<const Process>& process) { judge(process); });
  version_.fetch_add(1, std::memory_order_release);
}

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
  verdict_(process->pid, !excludes(process.get()), restraint_on(*process));
}

Restraint WatchedHost::restraint_on(const Process& process) const {
  const auto found = std::ranges::find_if(restrained_, [&](const auto& each) {
    return process.service != nullptr && *each.first == *process.service;
  });
  return found == restrained_.end() ? Restraint::kNone : found->second;
}

void WatchedHost::restrain(const ServiceRef& service, Restraint restraint) {
  const std::lock_guard writer(inventory_mutex_);
  catch_up();
  std::erase_if(restrained_, [&](const auto& each) { return *each.first == *service; });
  if (restraint != Restraint::kNone) {
    restrained_.emplace_back(service, restraint);
  }
  inventory_.each([&](const std::shared_ptr<const Process>& process) {
    if (process->service != nullptr && *process->service == *service) {
      judge(process);
    }
  });
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
    News& news = news_.emplace_back();
    news.change = change;
    news.change.name = news.change.executable = news.change.arguments =
        news.change.environment = {};
    news.name = change.name;
    if (change.change == ProcessChange::kExec) {
      if (news_text_bytes_ > kMaxNewsText) {
        texts_dropped_++;
      } else {
        news.executable = change.executable;
        news.arguments = change.arguments;
        news.environment = telling_variables(change.environment);
        news_text_bytes_ += news.text_bytes();
      }
    }
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
      news_text_bytes_ = 0;
      if (news.empty()) {
        // Not before all of it was acted upon: who asks meanwhile waits for us.
        behind_.store(false, std::memory_order_release);
        return;
      }
    }
    for (News& one : news) {
      ProcessChanged& change = one.change;
      change.name = one.name;
      change.executable = one.executable;
      change.arguments = one.arguments;
      change.environment = one.environment;
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
  return process && process->service ? process->service : namer()->unknown();
}

bool WatchedHost::excludes(const Process* process) const {
  const ProcessFacts facts = process != nullptr ? facts_of(*process) : ProcessFacts{};
  return selection()->decide(facts) == Selected::kExcluded;
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
  if (process && connection.role == Role::kServer && namer()->ask_for_ports()) {
    const std::lock_guard writer(inventory_mutex_);
    if (inventory_.serves(connection.pid, connection.local.port)) {
      version_.fetch_add(1, std::memory_order_release);
    }
  }
  const ConnectionPorts ports{connection.role, connection.local.port, connection.remote.port};
  return selection()->includes(process ? facts_of(*process) : ProcessFacts{}, ports);
}

}  // namespace sonde
