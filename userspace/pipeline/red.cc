// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/red.h"

#include <algorithm>

#include "userspace/pipeline/label_value.h"
#include "userspace/pipeline/service_labels.h"

namespace sonde {
namespace {

constexpr size_t kOverflowShare =
    10;  // one part in so many of the series is kept for overflow series
constexpr char kOwnLabels = 'o';
constexpr char kOverflow = 'x';

}  // namespace

RedMetrics::RedMetrics(const RedLimits& limits) : limits_(limits) {}
RedMetrics::~RedMetrics() = default;

Series* RedMetrics::add(const Request& request, const ServiceRef& service) {
  const auto names = name_of(request.role);
  if (names == nullptr || (request.schema->duration.*names).empty()) {
    ++counters_.seen;
    ++counters_.unmeasured;
    return nullptr;
  }
  const RawKey key(request, service.get());
  const size_t hash = key.ok() ? RequestCache::hash(key) : 0;
  Series* series = key.ok() ? cache_.find(key, hash) : nullptr;
  if (series == nullptr) {
    ++counters_.cache_misses;
    series = &look_up(request, service);
    if (key.ok()) {
      cache_.put(key, hash, *series);
    }
  }
  add_again(*series, request);
  return series;
}

void RedMetrics::add_again(Series& series, const Request& request) {
  ++counters_.seen;
  ++(series.overflow ? counters_.overflowed : counters_.counted);
  series.duration.add(request.end_ns > request.start_ns ? request.end_ns - request.start_ns : 0);
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

Series& RedMetrics::look_up(const Request& request, const ServiceRef& service) {
  ServiceState* state = state_of(service);
  if (state == nullptr) {
    return overflow(request, nullptr);
  }
  read_labels(request, *state);
  if (Series* known = table_.find(key_)) {
    return *known;
  }
  const size_t kept_back = limits_.max_series / kOverflowShare;
  if (state->series >= limits_.max_series_of_service ||
      table_.size() + kept_back >= limits_.max_series) {
    return overflow(request, state);
  }
  Labels labels = state->labels;
  const auto attributes = request.schema->attributes;
  for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
    add_label(labels, attributes[i].name, values_[i]);
  }
  ++state->series;
  return table_.add(key_, *request.schema, request.role,
                    std::make_shared<const Labels>(std::move(labels)));
}

RedMetrics::ServiceState* RedMetrics::state_of(const ServiceRef& service) {
  if (const auto found = by_pointer_.find(service); found != by_pointer_.end()) {
    return found->second;
  }
  const auto same =
      std::ranges::find_if(states_, [&](const auto& state) { return *state->service == *service; });
  ServiceState* state = same == states_.end() ? nullptr : same->get();
  if (state == nullptr && states_.size() < limits_.max_services) {
    state = states_.emplace_back(std::make_unique<ServiceState>(service, route_budget_)).get();
    state->labels = service_labels(*service);
  }
  // Addresses are only a short cut: when there are too many, start again. Without them nothing
  // keeps a service's address from being used for another, so the cache, which goes by address,
  // starts again as well.
  if (by_pointer_.size() >= 2 * limits_.max_services) {
    by_pointer_.clear();
    cache_.clear();
  }
  by_pointer_.emplace(service, state);
  return state;
}

void RedMetrics::begin_key(const ServiceState* state, const Request& request, char kind) {
  key_.clear();
  key_.append(reinterpret_cast<const char*>(&state), sizeof(state));
  key_.append(reinterpret_cast<const char*>(&request.schema), sizeof(request.schema));
  key_ += static_cast<char>(request.role);
  key_ += kind;
}

void RedMetrics::read_labels(const Request& request, ServiceState& state) {
  begin_key(&state, request, kOwnLabels);
  const auto attributes = request.schema->attributes;
  for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
    std::string& value = values_[i];
    value.clear();
    if (is_label(attributes[i], request.role)) {
      std::string_view raw = request.values[i];
      if (raw.empty() && request.schema->route_attribute == static_cast<int>(i)) {
        const uint64_t before = state.routes.collapses();
        raw = state.routes.route_of(request.path);
        if (state.routes.collapses() != before) {
          cache_.clear();
        }
      }
      counters_.values_cut += append_label_value(raw, value) ? 1 : 0;
    }
    // Cleaned values hold no control byte: one ends them unmistakably.
    key_ += value;
    key_ += '\0';
  }
}

Series& RedMetrics::overflow(const Request& request, ServiceState* state) {
  begin_key(state, request, kOverflow);
  if (Series* known = table_.find(key_)) {
    return *known;
  }
  if (state != nullptr && table_.size() >= limits_.max_series) {
    return overflow(request, nullptr);
  }
  // The one without a service is not subject to the cap: there is one for each schema and role.
  Labels labels = state != nullptr ? state->labels : Labels{};
  labels.emplace_back("otel.metric.overflow", "true");
  Series& series = table_.add(key_, *request.schema, request.role,
                              std::make_shared<const Labels>(std::move(labels)));
  series.overflow = true;
  return series;
}

void RedMetrics::snapshot(std::vector<MetricFamily>& out) const { table_.snapshot(out); }

std::vector<ServiceRef> RedMetrics::services() const {
  std::vector<ServiceRef> out;
  out.reserve(states_.size());
  for (const auto& state : states_) {
    out.push_back(state->service);
  }
  return out;
}

}  // namespace sonde
