// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/active_requests.h"

#include <algorithm>

#include "userspace/pipeline/label_value.h"
#include "userspace/pipeline/series.h"
#include "userspace/pipeline/service_labels.h"

namespace sonde {
namespace {

constexpr char kOwnLabels = 'o';
constexpr char kOverflow = 'x';

std::string_view metric_of(const Request& request) {
  const auto names = name_of(request.role);
  return names == nullptr ? std::string_view() : request.schema->active.*names;
}

}  // namespace

ActiveRequests::ActiveRequests(const CappedTable<ActiveGroup>::Limits& limits) : groups_(limits) {}

ActiveGroup* ActiveRequests::group_of(const Request& request, ServiceState& state,
                                      const IdleClock& clock) {
  if (metric_of(request).empty()) {
    return nullptr;
  }
  if (state.service == nullptr) {
    return &overflow(request, nullptr, clock);
  }
  begin_key(request, &state, kOwnLabels);
  const auto attributes = request.schema->attributes;
  for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
    if (attributes[i].on_active) {
      append_label_value(request.values[i], key_);
    }
    key_ += '\0';
  }
  if (ActiveGroup* known = groups_.find(key_)) {
    return known;
  }
  if (!groups_.has_room(state.active)) {
    return &overflow(request, &state, clock);
  }
  Labels labels = *state.labels;
  for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
    if (attributes[i].on_active) {
      add_label(labels, attributes[i].name, request.values[i]);
    }
  }
  return &add_group(request, state.active, std::move(labels), clock);
}

ActiveGroup& ActiveRequests::overflow(const Request& request, ServiceState* state,
                                      const IdleClock& clock) {
  begin_key(request, state, kOverflow);
  if (ActiveGroup* known = groups_.find(key_)) {
    return *known;
  }
  if (state != nullptr && !groups_.has_room_for_overflow()) {
    return overflow(request, nullptr, clock);
  }
  // The one without a service is not subject to the cap: there is one for each schema and role.
  Labels labels = state != nullptr ? *state->labels : Labels{};
  labels.emplace_back("otel.metric.overflow", "true");
  return add_group(request, state != nullptr ? state->active : nobody_, std::move(labels), clock);
}

void ActiveRequests::begin_key(const Request& request, const ServiceState* state, char kind) {
  key_.clear();
  key_.append(reinterpret_cast<const char*>(&state), sizeof(state));
  key_.append(reinterpret_cast<const char*>(&request.schema), sizeof(request.schema));
  key_ += static_cast<char>(request.role);
  key_ += kind;
}

// key_ is the group's.
ActiveGroup& ActiveRequests::add_group(const Request& request, Share& share, Labels labels,
                                       const IdleClock& clock) {
  ActiveGroup& group = groups_.add(key_, share, clock, request.start_ns);
  group.labels = std::make_shared<const Labels>(std::move(labels));
  group.metric = metric_of(request);
  group.help = request.schema->active.help;
  return group;
}

void ActiveRequests::begin() {
  for (const auto& group : groups_.entries()) {
    group->pending = 0;
  }
}

void ActiveRequests::add(const Request& pending, ServiceState& state, const IdleClock& clock) {
  if (ActiveGroup* group = group_of(pending, state, clock)) {
    ++group->pending;
    group->lease.used = clock.now();
  }
}

void ActiveRequests::take(std::vector<MetricFamily>& out) const {
  for (const auto& group : groups_.entries()) {
    auto family = std::ranges::find(out, group->metric, &MetricFamily::name);
    if (family == out.end()) {
      family = out.insert(out.end(), MetricFamily{.name = std::string(group->metric),
                                                  .unit = "{request}",
                                                  .help = std::string(group->help),
                                                  .kind = MetricKind::kGauge,
                                                  .bounds = nullptr,
                                                  .points = {}});
    }
    family->points.push_back({group->labels, group->pending});
  }
}

}  // namespace sonde
