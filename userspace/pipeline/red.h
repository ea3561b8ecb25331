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

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "userspace/model/request.h"
#include "userspace/model/service.h"
#include "userspace/pipeline/active_requests.h"
#include "userspace/pipeline/idle_clock.h"
#include "userspace/pipeline/request_cache.h"
#include "userspace/pipeline/series.h"
#include "userspace/pipeline/service_accounts.h"
#include "userspace/pipeline/service_states.h"

namespace sonde {

struct RedLimits {
  // Label sets in all (each is two histograms of durations and two of sizes). The last tenth is
  // kept for overflow series of services, so that a service that comes late is still seen by name.
  size_t max_series = 10'000;
  size_t max_series_of_service = 1'000;
  // Services beyond this count in one overflow series without their names.
  size_t max_services = 1'000;
  // What a snapshot tells apart of exchanges under way.
  size_t max_active = 2'000;
  size_t max_active_of_service = 50;
  // Series, and services without any, leave when they were not used for so long. 0: never.
  uint64_t idle_ns = 300'000'000'000;
  // The operator's, of all services.
  RoutePatterns routes = {};
};

// X(name, help); seen = counted + overflowed + unmeasured.
#define SONDE_RED_COUNTERS(X)                                                        \
  X(seen, "exchanges handed to the aggregation")                                     \
  X(counted, "exchanges counted under their own labels")                             \
  X(overflowed, "exchanges counted in an overflow series for want of room")          \
  X(unmeasured, "exchanges of a role for which their protocol has no metric")        \
  X(values_cut, "label values cut for their length, once per look-up of the series") \
  X(cache_misses, "exchanges that took the long way to their series")                \
  X(expired, "series that left since nobody used them")                              \
  X(services_expired, "services that left, all their series gone")

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

  // Where an exchange was counted.
  struct Counted {
    Series* series = nullptr;  // null: it is not measured
    // May be given to add_again() with exchanges of the same values and service, as long as
    // version() stands still. False: their route is still being learned.
    bool lasting = false;
  };

  // Counts one exchange. service must not be null; it is kept alive as long as it may be asked for.
  Counted add(const Request& request, const ServiceRef& service);
  void add_again(Series& series, const Request& request);

  // The operator's routes are others. What was counted stays where it is, as counters must: series
  // of routes that are no more stand still, and leave as idle ones do.
  void set_routes(RoutePatterns routes);

  // What is missing from a service.
  void lost(const ServiceRef& service, FlowLoss what, uint64_t count);

  // To be told the time now and then (kernel clock). True: idle things were let go.
  bool advance(uint64_t now_ns);
  uint64_t version() const { return version_; }
  const IdleClock& clock() const { return clock_; }
  // What series note of the service graph's pairs is not true any more.
  void forget_pairs();

  // Exchanges under way, for the next snapshot: one call each behind begin_active().
  void begin_active() { active_.begin(); }
  void active(const Request& pending, const ServiceRef& service);

  // Appends the families of all metrics; label sets are shared with the series, not copied.
  void snapshot(std::vector<MetricFamily>& out, const SnapshotClock& clock = {}) const;
  // Appends each service's account.
  void accounts(std::vector<ServiceAccount>& out) const;

  // The services that have requests, for target_info.
  std::vector<ServiceRef> services() const;

  const RedCounters& counters() const { return counters_; }
  size_t series() const { return table_.size(); }
  size_t active_groups() const { return active_.groups(); }

 private:
  Series& look_up(const Request& request, const ServiceRef& service);
  ServiceState& state_of(const ServiceRef& service);
  // Fills key_ and values_; the latter by the schema's attributes, empty where there is no label.
  // Says in settled_ whether the same values will lead to the same labels.
  void read_labels(const Request& request, ServiceState& state);
  Series& overflow(const Request& request, ServiceState& state);
  void begin_key(const ServiceState& state, const Request& request, char kind);
  Series& add_series(const Request& request, ServiceState& state, Labels labels);

  RedCounters counters_;
  IdleClock clock_;
  RequestCache cache_;
  ServiceStates states_;
  SeriesTable table_;
  ActiveRequests active_;
  uint64_t version_ = 0;
  std::string key_;                                 // scratch
  std::array<std::string, kMaxAttributes> values_;  // scratch
  bool settled_ = true;                             // scratch
};

}  // namespace sonde
