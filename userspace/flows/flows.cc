// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/flows.h"

#include <tsl/robin_map.h>

#include "userspace/base/pool.h"
#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr size_t kFreeConnections = 1024;  // kept for the next ones: a megabyte and some

struct IdHash {
  // Ids are drawn from a counter: spread them.
  size_t operator()(ConnectionId id) const {
    const uint64_t mixed = static_cast<uint64_t>(id) * 0x9e3779b97f4a7c15ull;
    return static_cast<size_t>(mixed ^ (mixed >> 32));
  }
};

}  // namespace

class Flows::Impl {
 public:
  Impl(FlowSink& sink, const FlowLimits& limits)
      : context_{.sink = sink,
                 .limits = limits,
                 .counters = {},
                 .advisor = Advisor(sink),
                 .server_names = {},
                 .habits = {}} {}

  void on(const ConnectionOpened& event) {
    ++context_.counters.events;
    remove(event.connection);
    add({.id = event.connection}).open(event);
  }

  void on(const DataMoved& event) {
    ++context_.counters.events;
    Connection* connection = find(event.connection);
    if (connection == nullptr) {
      connection = &add({.id = event.connection, .pid = event.pid});
    }
    connection->take(event);
    count_waiting(*connection);
  }

  void on(const TurnProgress& event) {
    ++context_.counters.events;
    if (Connection* connection = find(event.connection)) {
      connection->take(event);
      count_waiting(*connection);
    }
  }

  void on(const ConnectionClosed& event) {
    ++context_.counters.events;
    if (Connection* connection = find(event.connection)) {
      connection->close(event);
      remove(event.connection);
    }
  }

  bool wants_sweep() const { return waiting_ != 0; }
  size_t connections() const { return by_id_.size(); }
  uint64_t in_flight() const { return context_.in_flight; }
  const FlowCounters& counters() const { return context_.counters; }

  void each_pending(const Pending& f) const {
    for (const Connection* each = newest_; each != nullptr; each = each->older) {
      each->each_pending(f);
    }
  }

 private:
  Connection* find(ConnectionId id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) {
      return nullptr;
    }
    Connection* connection = found->second.get();
    if (connection != newest_) {
      unlink(*connection);
      link(*connection);
    }
    return connection;
  }

  Connection& add(const ConnectionFacts& facts) {
    while (!by_id_.empty() && by_id_.size() >= context_.limits.max_connections) {
      ++context_.counters.connections_evicted;
      remove(oldest_->facts().id);
    }
    auto owned = pool_.make(context_, facts);
    Connection& connection = *owned;
    by_id_.emplace(facts.id, std::move(owned));
    link(connection);
    return connection;
  }

  void remove(ConnectionId id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) {
      return;
    }
    Connection& connection = *found->second;
    waiting_ -= connection.counted_as_waiting ? 1 : 0;
    unlink(connection);
    by_id_.erase(found);
  }

  void count_waiting(Connection& connection) {
    const bool waits = connection.waits();
    if (waits != connection.counted_as_waiting) {
      connection.counted_as_waiting = waits;
      waiting_ += waits ? 1 : -1;
    }
  }

  void link(Connection& connection) {
    connection.older = newest_;
    connection.newer = nullptr;
    (newest_ != nullptr ? newest_->newer : oldest_) = &connection;
    newest_ = &connection;
  }

  void unlink(Connection& connection) {
    (connection.older != nullptr ? connection.older->newer : oldest_) = connection.newer;
    (connection.newer != nullptr ? connection.newer->older : newest_) = connection.older;
  }

  FlowContext context_;
  Pool<Connection> pool_{kFreeConnections};
  tsl::robin_map<ConnectionId, Pool<Connection>::Owner, IdHash> by_id_;
  Connection* newest_ = nullptr;
  Connection* oldest_ = nullptr;
  int64_t waiting_ = 0;
};

Flows::Flows(FlowSink& sink, const FlowLimits& limits)
    : impl_(std::make_unique<Impl>(sink, limits)) {}
Flows::~Flows() = default;

void Flows::on(const ConnectionOpened& event) { impl_->on(event); }
void Flows::on(const DataMoved& event) { impl_->on(event); }
void Flows::on(const TurnProgress& event) { impl_->on(event); }
void Flows::on(const ConnectionClosed& event) { impl_->on(event); }
bool Flows::wants_sweep() const { return impl_->wants_sweep(); }
size_t Flows::connections() const { return impl_->connections(); }
uint64_t Flows::in_flight() const { return impl_->in_flight(); }
const FlowCounters& Flows::counters() const { return impl_->counters(); }
void Flows::each_pending(const Pending& f) const { impl_->each_pending(f); }

}  // namespace sonde
