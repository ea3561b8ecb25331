// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/red.h"

#include <algorithm>

#include "userspace/pipeline/label_value.h"
#include "userspace/pipeline/service_labels.h"

namespace sonde {
namespace {

constexpr char kOwnLabels = 'o';
constexpr char kOverflow = 'x';

}  // namespace

RedMetrics::RedMetrics(const RedLimits& limits)
    : clock_(limits.idle_ns),
      states_(limits.max_services, limits.routes),
      table_({.entries = limits.max_series, .of_share = limits.max_series_of_service}),
      active_({.entries = limits.max_active, .of_share = limits.max_active_of_service}) {}
RedMetrics::~RedMetrics() = default;

RedMetrics::Counted RedMetrics::add(const Request& request, const ServiceRef& service) {
  const auto names = name_of(request.role);
  if (names == nullptr || (request.schema->duration.*names).empty()) {
    ++counters_.seen;
    ++counters_.unmeasured;
    return {};
  }
  const RawKey key(request, service.get());
  const size_t hash = key.ok() ? RequestCache::hash(key) : 0;
  Series* series = key.ok() ? cache_.find(key, hash) : nullptr;
  if (series == nullptr) {
    ++counters_.cache_misses;
    series = &look_up(request, service);
    if (!settled_) {
      add_again(*series, request);
      return {.series = series, .lasting = false};
    }
    if (key.ok()) {
      cache_.put(key, hash, *series);
    }
  }
  add_again(*series, request);
  return {.series = series, .lasting = true};
}

void RedMetrics::add_again(Series& series, const Request& request) {
  series.lease.used = clock_.now();
  ++counters_.seen;
  ++(series.overflow ? counters_.overflowed : counters_.counted);
  ++series.tally->exchanges;
  series.tally->unread += request.unread ? 1 : 0;
  const uint64_t start = request.start_ns;
  series.duration.add(request.end_ns > start ? request.end_ns - start : 0);
  if (request.first_response_ns != 0) {
    series.first_byte.add(request.first_response_ns > start ? request.first_response_ns - start
                                                            : 0);
  }
  if (request.request_body_known) {
    series.request_size.add(request.request_body_bytes);
  } else {
    ++counters_.request_size_unknown;
  }
  if (request.response_body_known) {
    series.response_size.add(request.response_body_bytes);
  } else {
    ++counters_.response_size_unknown;
  }
}

void RedMetrics::set_routes(RoutePatterns routes) {
  states_.set_routes(std::move(routes));
  cache_.clear();
  ++version_;
}

void RedMetrics::lost(const ServiceRef& service, FlowLoss what, uint64_t count) {
  state_of(service).tally.lost[static_cast<size_t>(what)] += count;
}

void RedMetrics::active(const Request& pending, const ServiceRef& service) {
  active_.add(pending, state_of(service), clock_);
}

Series& RedMetrics::look_up(const Request& request, const ServiceRef& service) {
  settled_ = true;
  ServiceState& state = state_of(service);
  if (state.service == nullptr) {
    return overflow(request, state);
  }
  read_labels(request, state);
  if (Series* known = table_.find(key_)) {
    return *known;
  }
  if (!table_.has_room(state.series)) {
    return overflow(request, state);
  }
  Labels labels = *state.labels;
  const auto attributes = request.schema->attributes;
  for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
    add_label(labels, attributes[i].name, values_[i]);
  }
  return add_series(request, state, std::move(labels));
}

// key_ is the series'.
Series& RedMetrics::add_series(const Request& request, ServiceState& state, Labels labels) {
  Series& series = table_.add(key_, state.series, clock_, request,
                              std::make_shared<const Labels>(std::move(labels)));
  series.tally = &state.tally;
  series.active = active_.group_of(request, state, clock_);
  return series;
}

ServiceState& RedMetrics::state_of(const ServiceRef& service) {
  const uint64_t before = states_.version();
  ServiceState& state = states_.of(service, clock_);
  if (states_.version() != before) {
    cache_.clear();  // it goes by the services' addresses
  }
  return state;
}

void RedMetrics::begin_key(const ServiceState& state, const Request& request, char kind) {
  const ServiceState* address = &state;
  key_.clear();
  key_.append(reinterpret_cast<const char*>(&address), sizeof(address));
  key_.append(reinterpret_cast<const char*>(&request.schema), sizeof(request.schema));
  key_ += static_cast<char>(request.role);
  key_ += kind;
}

void RedMetrics::read_labels(const Request& request, ServiceState& state) {
  begin_key(state, request, kOwnLabels);
  const auto attributes = request.schema->attributes;
  for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
    std::string& value = values_[i];
    value.clear();
    if (is_label(attributes[i], request.role)) {
      std::string_view raw = request.values[i];
      if (raw.empty() && request.schema->route_attribute == static_cast<int>(i)) {
        const uint64_t before = state.routes.changes();
        const Route route = state.routes.of(request.path);
        raw = route.text;
        settled_ = route.settled;
        if (state.routes.changes() != before) {
          cache_.clear();
          ++version_;  // connections that repeat themselves ask anew, too
        }
      }
      counters_.values_cut += append_label_value(raw, value) ? 1 : 0;
    }
    // Cleaned values hold no control byte: one ends them unmistakably.
    key_ += value;
    key_ += '\0';
  }
}

Series& RedMetrics::overflow(const Request& request, ServiceState& state) {
  begin_key(state, request, kOverflow);
  if (Series* known = table_.find(key_)) {
    return *known;
  }
  if (state.service != nullptr && !table_.has_room_for_overflow()) {
    return overflow(request, states_.nameless());
  }
  // The one without a service is not subject to the cap: there is one for each schema and role.
  Labels labels = *state.labels;
  labels.emplace_back("otel.metric.overflow", "true");
  Series& series = add_series(request, state, std::move(labels));
  series.overflow = true;
  return series;
}

bool RedMetrics::advance(uint64_t now_ns) {
  if (!clock_.advance(now_ns)) {
    return false;
  }
  const size_t series = table_.expire(clock_);
  for (const auto& each : table_.all()) {
    if (each->active != nullptr) {
      each->active->lease.used = clock_.now();
    }
  }
  const size_t groups = active_.expire(clock_);
  const size_t services = states_.expire(clock_);
  counters_.expired += series;
  counters_.services_expired += services;
  if (series + groups + services == 0) {
    return false;
  }
  cache_.clear();
  ++version_;
  return true;
}

void RedMetrics::forget_pairs() {
  for (const auto& series : table_.all()) {
    series->pair = nullptr;
  }
  ++version_;
}

void RedMetrics::snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock) const {
  table_.snapshot(out, clock);
  active_.take(out);
}

void RedMetrics::accounts(std::vector<ServiceAccount>& out) const {
  for (const auto& state : states_.all()) {
    out.push_back({state->labels, state->tally});
  }
  const ServiceTally& nameless = states_.nameless().tally;
  out.push_back({states_.nameless().labels, nameless});
}

std::vector<ServiceRef> RedMetrics::services() const {
  std::vector<ServiceRef> out;
  out.reserve(states_.all().size());
  for (const auto& state : states_.all()) {
    out.push_back(state->service);
  }
  return out;
}

}  // namespace sonde
