// SPDX-License-Identifier: Apache-2.0
// target_info: one point for each service, by which dashboards join its metrics with what is known
// of it and of the host (on instance and job).
#pragma once

#include <span>
#include <string>

#include "userspace/model/metrics.h"
#include "userspace/model/service.h"

namespace sonde {

// What is true of all services that this Sonde watches.
struct TargetFacts {
  std::string host_name;
  std::string sonde_version;
};

// The family "target". Services that would have the same labels are one point; an empty fact has no
// label.
MetricFamily target_info(std::span<const ServiceRef> services, const TargetFacts& facts);

}  // namespace sonde
