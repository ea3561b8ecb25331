// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/service_graph.h"

#include <utility>

#include "userspace/pipeline/label_value.h"
#include "userspace/pipeline/service_labels.h"

namespace sonde {
namespace {

constexpr char kPair = 'p';
constexpr char kOverflow = 'x';

MetricFamily family(std::string name, std::string unit, std::string help, MetricKind kind) {
  MetricFamily made{.name = std::move(name),
                    .unit = std::move(unit),
                    .help = std::move(help),
                    .kind = kind,
                    .bounds = nullptr,
                    .points = {}};
  if (kind == MetricKind::kHistogram) {
    made.bounds = DurationHistogram::bounds();
  }
  return made;
}

}  // namespace

ServiceGraph::ServiceGraph(const IdleClock& clock, const GraphLimits& limits)
    : clock_(clock),
      limits_(limits),
      table_({.entries = limits.max_pairs, .of_share = limits.max_pairs_of_service}) {}
ServiceGraph::~ServiceGraph() = default;

void ServiceGraph::begin_key(char kind, std::string_view connection_type) {
  key_.assign(1, kind);
  key_ += connection_type;
  key_ += '\0';
}

// What would have the same labels must have the same key. Cleaned values hold no control byte: one
// ends them unmistakably.
void ServiceGraph::add_to_key(const GraphSide& side) {
  for (const std::string_view text : {side.name, side.name_space}) {
    append_label_value(text, key_);
    key_ += '\0';
  }
}

ServicePair& ServiceGraph::pair(Role role, const GraphSide& client, const GraphSide& server,
                                std::string_view connection_type, uint64_t began_ns) {
  begin_key(kPair, connection_type);
  add_to_key(client);
  add_to_key(server);
  if (ServicePair* known = table_.find(key_)) {
    known->lease.used = clock_.now();
    return *known;
  }
  const GraphSide& own = role == Role::kClient ? client : server;
  Share& share = share_of(own);
  if (!table_.has_room(share)) {
    return overflow(role, own, connection_type, began_ns);
  }
  begin_key(kPair, connection_type);
  add_to_key(client);
  add_to_key(server);
  return add_pair(share, client, server, connection_type, began_ns);
}

ServicePair& ServiceGraph::overflow(Role role, const GraphSide& own,
                                    std::string_view connection_type, uint64_t began_ns) {
  const bool nobody = own.name.empty();
  const GraphSide client = role == Role::kClient ? own : GraphSide{};
  const GraphSide server = role == Role::kClient ? GraphSide{} : own;
  // There is one without a service for each type of connection: beyond the caps, but few.
  Share& share = nobody ? nobody_ : share_of(own);
  begin_key(kOverflow, nobody ? std::string_view() : connection_type);
  add_to_key(client);
  add_to_key(server);
  if (ServicePair* known = table_.find(key_)) {
    known->lease.used = clock_.now();
    return *known;
  }
  if (!nobody && !table_.has_room_for_overflow()) {
    return overflow(role, {}, {}, began_ns);
  }
  ServicePair& made = add_pair(share, client, server, nobody ? "" : connection_type, began_ns);
  made.overflow = true;
  Labels labels = *made.labels;
  labels.emplace_back("otel.metric.overflow", "true");
  made.labels = std::make_shared<const Labels>(std::move(labels));
  return made;
}

Share& ServiceGraph::share_of(const GraphSide& own) {
  key_.clear();
  add_to_key(own);
  const auto found = shares_.find(key_);
  if (found != shares_.end()) {
    return *found->second;
  }
  if (!table_.has_room_for_overflow()) {
    return nobody_;  // nothing will be added
  }
  return *shares_.emplace(key_, std::make_unique<Share>()).first->second;
}

// key_ is the pair's.
ServicePair& ServiceGraph::add_pair(Share& share, const GraphSide& client, const GraphSide& server,
                                    std::string_view connection_type, uint64_t began_ns) {
  ServicePair& made = table_.add(key_, share, clock_, began_ns);
  Labels labels;
  add_label(labels, "client", client.name);
  add_label(labels, "client.service.namespace", client.name_space);
  add_label(labels, "server", server.name);
  add_label(labels, "server.service.namespace", server.name_space);
  add_label(labels, "connection_type", connection_type);
  add_label(labels, "source", "sonde");
  made.labels = std::make_shared<const Labels>(std::move(labels));
  return made;
}

void ServiceGraph::add(ServicePair& pair, Role role, const DurationHistogram::Place& duration,
                       const Join::Count& count) {
  pair.lease.used = clock_.now();
  ++counters_.seen;
  ++(count.first ? counters_.counted : counters_.twice);
  counters_.overflowed += pair.overflow ? 1 : 0;
  pair.total += count.first ? 1 : 0;
  pair.failed += count.failed ? 1 : 0;
  (role == Role::kClient ? pair.client : pair.server).add(duration);
}

bool ServiceGraph::expire() {
  const size_t gone = table_.expire(clock_);
  counters_.expired += gone;
  if (gone != 0) {
    for (auto it = shares_.begin(); it != shares_.end();) {
      it = it->second->entries == 0 ? shares_.erase(it) : std::next(it);
    }
    shares_.rehash(0);
  }
  return gone != 0;
}

void ServiceGraph::snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock) const {
  if (table_.size() == 0) {
    return;
  }
  MetricFamily total =
      family("traces.service.graph.request", "",
             "Exchanges between two services, each counted once", MetricKind::kCounter);
  MetricFamily failed = family("traces.service.graph.request.failed", "",
                               "Exchanges between two services that failed", MetricKind::kCounter);
  MetricFamily client =
      family("traces.service.graph.request.client", "s",
             "Duration of exchanges as the client saw them", MetricKind::kHistogram);
  MetricFamily server =
      family("traces.service.graph.request.server", "s",
             "Duration of exchanges as the server saw them", MetricKind::kHistogram);
  const auto store = std::make_shared<MetricStore>();
  for (const auto& pair : table_.entries()) {
    const uint64_t start = clock.wall_ns(pair->lease.began_ns);
    total.points.push_back({pair->labels, pair->total, start});
    failed.points.push_back({pair->labels, pair->failed, start});
    for (const auto& [to, histogram] :
         {std::pair{&client, &pair->client}, std::pair{&server, &pair->server}}) {
      if (HistogramValue value = histogram->value(*store); value.count != 0) {
        to->points.push_back({pair->labels, std::move(value), start});
      }
    }
  }
  for (MetricFamily* each : {&total, &failed, &client, &server}) {
    if (each->points.empty()) {
      continue;
    }
    if (each->kind == MetricKind::kHistogram) {
      each->stores.push_back(store);
    }
    out.push_back(std::move(*each));
  }
}

}  // namespace sonde
