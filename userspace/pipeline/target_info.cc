// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/target_info.h"

#include <set>
#include <utility>

#include "userspace/pipeline/service_labels.h"

namespace sonde {

void append_target_info(std::span<const ServiceRef> services, const TargetFacts& facts,
                        std::vector<MetricFamily>& out) {
  MetricFamily family{.name = "target",
                      .unit = {},
                      .help = "What is known of a watched service and its host.",
                      .kind = MetricKind::kInfo,
                      .bounds = nullptr,
                      .points = {}};
  std::set<Labels> seen;
  for (const ServiceRef& service : services) {
    Labels labels = service_labels(*service);
    if (!seen.insert(labels).second) {
      continue;
    }
    for (const auto& [name, value] : service->about) {
      add_label(labels, name, value);
    }
    add_label(labels, "host.id", facts.host_id);
    add_label(labels, "host.name", facts.host_name);
    add_label(labels, "os.type", "linux");
    add_label(labels, "source", "sonde");
    add_label(labels, "telemetry.sdk.language", service->language);
    add_label(labels, "telemetry.sdk.name", "sonde");
    add_label(labels, "telemetry.sdk.version", facts.sonde_version);
    add_label(labels, "telemetry.distro.name", "sonde");
    add_label(labels, "telemetry.distro.version", facts.sonde_version);
    family.points.push_back({std::make_shared<const Labels>(std::move(labels)), uint64_t{1}});
  }
  MetricFamily traces = family;
  traces.name = "traces.target";
  out.push_back(std::move(family));
  out.push_back(std::move(traces));
}

}  // namespace sonde
