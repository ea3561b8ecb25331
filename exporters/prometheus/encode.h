// SPDX-License-Identifier: Apache-2.0
// Metric snapshots as text that Prometheus reads. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "userspace/model/metrics.h"

namespace sonde::prometheus {

enum class Format : uint8_t {
  kText,         // Prometheus text 0.0.4
  kOpenMetrics,  // OpenMetrics 1.0.0
};

// The whole value of Content-Type.
std::string_view content_type(Format format);

// Appends the exposition. Families must have names that differ when spelt for Prometheus, and valid
// UTF-8 in labels; families without points are left out. No timestamps, no _created: older servers
// store those as series of their own.
void encode_text(const MetricSnapshot& snapshot, Format format, std::string& out);

}  // namespace sonde::prometheus
