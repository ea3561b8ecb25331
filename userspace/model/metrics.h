// SPDX-License-Identifier: Apache-2.0
// Metrics between the aggregation and the exporters: an immutable snapshot of families and their
// points. Names are OpenTelemetry's ("http.server.request.duration", unit "s"); each exporter
// spells them its own way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sonde {

// Names are unique within a set; order is the order of exposition.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct HistogramValue {
  // counts[i] are those in (bounds[i-1], bounds[i]]; one more than bounds, the last is the rest.
  // Not cumulative.
  std::vector<uint64_t> counts;
  double sum = 0;
  uint64_t count = 0;
};

struct MetricPoint {
  std::shared_ptr<const Labels> labels;  // never null
  std::variant<uint64_t, double, HistogramValue> value;
};

enum class MetricKind : uint8_t {
  kCounter,  // only grows
  kGauge,
  kHistogram,  // points hold HistogramValue
  kInfo,       // value 1; what matters are the labels
};

struct MetricFamily {
  std::string name;
  std::string unit;  // UCUM: "s", "By", "1", "{request}", ""
  std::string help;
  MetricKind kind = MetricKind::kGauge;
  std::shared_ptr<const std::vector<double>> bounds;  // of histograms, ascending, without +Inf
  std::vector<MetricPoint> points;
};

struct MetricSnapshot {
  uint64_t wall_ns = 0;        // when it was taken
  uint64_t start_wall_ns = 0;  // when the counters began
  std::vector<MetricFamily> families;
};

}  // namespace sonde
