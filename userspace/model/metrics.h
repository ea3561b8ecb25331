// SPDX-License-Identifier: Apache-2.0
// Metrics between the aggregation and the exporters: an immutable snapshot of families and their
// points. Names are OpenTelemetry's ("http.server.request.duration", unit "s"); each exporter
// spells them its own way.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "userspace/model/metric_store.h"

namespace sonde {

// Names are unique within a set; order is the order of exposition.
using Labels = std::vector<std::pair<std::string, std::string>>;

// Buckets that grow by a constant factor, 2^(2^-schema): counts[i] are the values in
// (factor^(offset+i-1), factor^(offset+i)]. What is at most zero_threshold is in zero_count.
struct ExponentialBuckets {
  int8_t schema = 3;
  int32_t offset = 0;
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  std::span<const uint64_t> counts;  // in one of the family's stores
};

// One measured value with the span it was measured in.
struct Exemplar {
  double value = 0;
  uint64_t wall_ns = 0;
  std::string trace_id;  // lower-case hex
  std::string span_id;
  bool operator==(const Exemplar&) const = default;
};

// What it points to lies in one of the family's stores.
struct HistogramValue {
  // counts[i] are those in (bounds[i-1], bounds[i]], one more than bounds, the last is the rest;
  // what would be zeros at the end is left out. Not cumulative.
  std::span<const uint64_t> counts;
  double sum = 0;
  uint64_t count = 0;
  // The same values once more, finer. Null: not kept.
  const ExponentialBuckets* exponential = nullptr;
  // At most one for each bound and the rest. Empty until there are spans.
  std::vector<Exemplar> exemplars = {};
};

struct MetricPoint {
  std::shared_ptr<const Labels> labels;  // never null
  std::variant<uint64_t, double, HistogramValue> value;
  // When it began to count; 0: when the snapshot's counters did. A label set that was idle for long
  // leaves, and begins anew if it comes back.
  uint64_t start_wall_ns = 0;
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
  // Where the points' buckets are; shared with other families, and with copies of this one.
  std::vector<std::shared_ptr<const MetricStore>> stores = {};
};

struct MetricSnapshot {
  uint64_t wall_ns = 0;        // when it was taken
  uint64_t start_wall_ns = 0;  // when the counters began
  std::vector<MetricFamily> families;
};

}  // namespace sonde
