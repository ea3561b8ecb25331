// SPDX-License-Identifier: Apache-2.0
// ActiveRequests: how many exchanges of one shard are under way, by service and the schema's
// attributes for it. Nothing is counted as they come and go: a snapshot asks the flows what is
// pending. Who had some once is told with 0 until it is idle, so that graphs show an end and no
// gap. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/request.h"
#include "userspace/pipeline/capped_table.h"
#include "userspace/pipeline/service_states.h"

namespace sonde {

struct ActiveGroup {
  Lease lease;
  std::shared_ptr<const Labels> labels;
  std::string_view metric;
  std::string_view help;
  uint64_t pending = 0;  // as of the running snapshot
};

class ActiveRequests {
 public:
  explicit ActiveRequests(const CappedTable<ActiveGroup>::Limits& limits);

  // Where a request like this one counts. nullptr: it has no such metric.
  ActiveGroup* group_of(const Request& request, ServiceState& state, const IdleClock& clock);

  // A snapshot: begin, one add for each pending exchange, take.
  void begin();
  void add(const Request& pending, ServiceState& state, const IdleClock& clock);
  void take(std::vector<MetricFamily>& out) const;

  size_t expire(const IdleClock& clock) { return groups_.expire(clock); }
  size_t groups() const { return groups_.size(); }

 private:
  ActiveGroup& overflow(const Request& request, ServiceState* state, const IdleClock& clock);
  void begin_key(const Request& request, const ServiceState* state, char kind);
  ActiveGroup& add_group(const Request& request, Share& share, Labels labels,
                         const IdleClock& clock);

  CappedTable<ActiveGroup> groups_;
  Share nobody_;
  std::string key_;  // scratch
};

}  // namespace sonde
