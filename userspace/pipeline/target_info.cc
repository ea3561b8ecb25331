// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/target_info.h"

#include <set>

#include "userspace/pipeline/service_labels.h"

namespace sonde {
MetricFamily target_info(std::span<const ServiceRef> services, const TargetFacts& facts) {
  MetricFamily family{.name = "target",
                      .unit = {},
                      .help = "What is known of a watched service and its host.",
                      .kind = MetricKind::kInfo,
                      .bounds = nullptr,
                      .points = {}};
  std::set<Labels> seen;
  for (const ServiceRef& service : services) {
    Labels labels = service_labels(*service);
    add_label(labels, "host.name", facts.host_name);
    add_label(labels, "os.type", "linux");
    add_label(labels, "telemetry.sdk.name", "sonde");
    add_label(labels, "telemetry.sdk.version", facts.sonde_version);
    add_label(labels, "telemetry.sdk.language", service->language);
    if (const auto [at, fresh] = seen.insert(std::move(labels)); fresh) {
      family.points.push_back({std::make_shared<const Labels>(*at), uint64_t{1}});
    }
  }
  return family;
}

}  // namespace sonde
