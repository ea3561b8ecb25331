// SPDX-License-Identifier: Apache-2.0
// target_info: one point for each service, by which dashboards join its metrics with what is known
// of it and of the host (on instance and job). traces_target_info says the same; service graphs and
// span metrics are joined with that one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/model/service.h"

namespace sonde {

// What is true of all services that this Sonde watches.
struct TargetFacts {
  std::string host_name;
  std::string host_id;  // machine-id
  std::string sonde_version;
};

// Appends the families "target" and "traces.target". Services whose metrics have the same labels
// are one point, or joins would find two; an empty fact has no label.
void append_target_info(std::span<const ServiceRef> services, const TargetFacts& facts,
                        std::vector<MetricFamily>& out);

}  // namespace sonde
