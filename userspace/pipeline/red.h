// SPDX-License-Identifier: Apache-2.0
// RedMetrics: rate, errors and duration of every exchange of one shard, as histograms by service,
// role and the schema's labels. Owned by the shard's thread; nothing here locks. It works on
// schemas and knows no protocol.
//
// Each request counts once, whatever happens: when the caps leave no room for its labels it counts
// in an overflow series (label otel.metric.overflow="true"), so that the sum over all series is the
// number of requests. An exchange that is like one before (same service, schema, role, raw values)
// takes a short cut of about a hundred nanoseconds; after warm-up nothing is allocated for label
// sets that are known.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/model/request.h"
#include "userspace/model/service.h"
#include "userspace/pipeline/request_cache.h"
#include "userspace/pipeline/routes.h"
#include "userspace/pipeline/series.h"

namespace sonde {

struct RedLimits {
  // Label sets in all (each is a histogram of durations and two of sizes). The last tenth is kept
  // for overflow series of services, so that a service that comes late is still seen by name.
  size_t max_series = 10'000;
  size_t max_series_of_service = 1'000;
  // Services beyond this count in one overflow series without their names.
  size_t max_services = 1'000;
};

// X(name, help); seen = counted + overflowed + unmeasured.
#define SONDE_RED_COUNTERS(X)                                                        \
  X(seen, "exchanges handed to the aggregation")                                     \
  X(counted, "exchanges counted under their own labels")                             \
  X(overflowed, "exchanges counted in an overflow series for want of room")          \
  X(unmeasured, "exchanges of a role for which their protocol has no metric")        \
  X(values_cut, "label values cut for their length, once per look-up of the series") \
  X(cache_misses, "exchanges that took the long way to their series")

struct RedCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_RED_COUNTERS(X)
#undef X
  // Exchanges whose body's size is not exact: in no histogram of sizes.
  uint64_t request_size_unknown = 0;
  uint64_t response_size_unknown = 0;
};

class RedMetrics {
 public:
  explicit RedMetrics(const RedLimits& limits = {});
  ~RedMetrics();
  RedMetrics(const RedMetrics&) = delete;
  RedMetrics& operator=(const RedMetrics&) = delete;

  // Counts one exchange. service must not be null; it is kept alive as long as it may be asked for.
  // What it returns may be given to add_again() with exchanges of the same values and service;
  // null: they are not measured.
  Series* add(const Request& request, const ServiceRef& service);
  void add_again(Series& series, const Request& request);

  // Appends the families of all metrics; label sets are shared with the series, not copied.
  void snapshot(std::vector<MetricFamily>& out) const;

  // The services that have requests, for target_info.
  std::vector<ServiceRef> services() const;

  const RedCounters& counters() const { return counters_; }
  size_t series() const { return table_.size(); }

 private:
  // What is kept of a service; two equal ones are one.
  struct ServiceState {
    ServiceState(ServiceRef ref, RouteBudget& budget) : service(std::move(ref)), routes(budget) {}
    ServiceRef service;
    Labels labels;  // cleaned; every series of the service begins with them
    RouteLearner routes;
    size_t series = 0;
  };

  Series& look_up(const Request& request, const ServiceRef& service);
  // nullptr: one service too many.
  ServiceState* state_of(const ServiceRef& service);
  // Fills key_ and values_; the latter by the schema's attributes, empty where there is no label.
  void read_labels(const Request& request, ServiceState& state);
  Series& overflow(const Request& request, ServiceState* state);
  void begin_key(const ServiceState* state, const Request& request, char kind);

  const RedLimits limits_;
  RedCounters counters_;
  RequestCache cache_;
  SeriesTable table_;
  RouteBudget route_budget_;
  std::vector<std::unique_ptr<ServiceState>> states_;
  // Holds each service it points to, so that an address means one service as long as it stands here
  // or in the cache.
  tsl::robin_pg_map<ServiceRef, ServiceState*> by_pointer_;
  std::string key_;                                 // scratch
  std::array<std::string, kMaxAttributes> values_;  // scratch
};

}  // namespace sonde
