// SPDX-License-Identifier: Apache-2.0
// ServiceStates: what the aggregation of one shard keeps of each service. Two equal services are
// one. One thread.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "userspace/flows/flows.h"
#include "userspace/model/service.h"
#include "userspace/pipeline/capped_table.h"
#include "userspace/pipeline/service_routes.h"

namespace sonde {

// What was counted of a service, and what is known to be missing from it.
struct ServiceTally {
  uint64_t exchanges = 0;
  uint64_t unread = 0;  // of them: counted, not read
  std::array<uint64_t, kFlowLosses> lost{};
};

struct ServiceState {
  ServiceState(RouteBudget& budget, RoutePatterns patterns) : routes(budget, std::move(patterns)) {}
  // The latest: what is known about it may change. Null: of services there was no room for.
  ServiceRef service;
  std::shared_ptr<const Labels> labels;  // cleaned; every series of the service begins with them
  ServiceRoutes routes;
  Share series;
  Share active;
  ServiceTally tally;
  uint32_t used = 0;  // IdleClock's
};

class ServiceStates {
 public:
  // routes: the operator's, of all services.
  ServiceStates(size_t max_services, RoutePatterns routes);
  ~ServiceStates();

  // nameless() if it is one too many. service must not be null; it is kept alive as long as its
  // address means it here.
  ServiceState& of(const ServiceRef& service, const IdleClock& clock);
  // Stands for all services there was no room for.
  ServiceState& nameless() { return nameless_; }
  const ServiceState& nameless() const { return nameless_; }

  // The operator's routes are others: of the services there are, and of those to come.
  void set_routes(RoutePatterns routes);

  // Moves whenever the address of a service seen before may come to be another's.
  uint64_t version() const { return version_; }

  // Lets go what was not used for long and has no series any more; how many.
  size_t expire(const IdleClock& clock);

  const std::vector<std::unique_ptr<ServiceState>>& all() const { return states_; }

 private:
  void forget_addresses();

  const size_t max_services_;
  RoutePatterns patterns_;
  RouteBudget route_budget_;
  ServiceState nameless_;
  std::vector<std::unique_ptr<ServiceState>> states_;
  // Only a short cut. Holds each service it points to, so that an address means one service as long
  // as it stands here.
  tsl::robin_pg_map<ServiceRef, ServiceState*> by_pointer_;
  uint64_t version_ = 0;
};

}  // namespace sonde
