// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/service_states.h"

#include <algorithm>

#include "userspace/pipeline/service_labels.h"

namespace sonde {

ServiceStates::ServiceStates(size_t max_services, RoutePatterns routes)
    : max_services_(max_services), patterns_(std::move(routes)), nameless_(route_budget_, {}) {
  nameless_.labels = std::make_shared<const Labels>();
}
ServiceStates::~ServiceStates() = default;

ServiceState& ServiceStates::of(const ServiceRef& service, const IdleClock& clock) {
  if (const auto found = by_pointer_.find(service); found != by_pointer_.end()) {
    found->second->used = clock.now();
    return *found->second;
  }
  const auto same =
      std::ranges::find_if(states_, [&](const auto& state) { return *state->service == *service; });
  ServiceState* state = same == states_.end() ? &nameless_ : same->get();
  if (same == states_.end() && states_.size() < max_services_) {
    state = states_
                .emplace_back(std::make_unique<ServiceState>(route_budget_,
                                                             patterns_.for_service(service->name)))
                .get();
    state->labels = std::make_shared<const Labels>(service_labels(*service));
  }
  if (state != &nameless_) {
    state->service = service;
  }
  state->used = clock.now();
  if (by_pointer_.size() >= 2 * max_services_) {
    forget_addresses();
  }
  by_pointer_.emplace(service, state);
  return *state;
}

void ServiceStates::set_routes(RoutePatterns routes) {
  patterns_ = std::move(routes);
  for (const auto& state : states_) {
    state->routes.set_patterns(patterns_.for_service(state->service->name));
  }
}

void ServiceStates::forget_addresses() {
  by_pointer_.clear();
  ++version_;
}

size_t ServiceStates::expire(const IdleClock& clock) {
  const size_t gone = std::erase_if(states_, [&](const std::unique_ptr<ServiceState>& state) {
    return clock.idle(state->used) && state->series.entries == 0 && state->active.entries == 0;
  });
  if (gone != 0) {
    forget_addresses();  // also of those there was no room for, since now there is
    by_pointer_.rehash(0);
  }
  return gone;
}

}  // namespace sonde
