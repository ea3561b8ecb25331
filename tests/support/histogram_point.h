// SPDX-License-Identifier: Apache-2.0
// Histogram points for tests: their buckets live with the family.
#pragma once

#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "userspace/model/metrics.h"

namespace sonde {

inline MetricPoint& add_histogram_point(MetricFamily& family, Labels labels,
                                        const std::vector<uint64_t>& counts, double sum) {
  const auto store = std::make_shared<MetricStore>();
  HistogramValue value;
  value.counts = store->copy(std::span<const uint64_t>(counts));
  value.sum = sum;
  value.count = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  family.stores.push_back(store);
  return family.points.emplace_back(
      MetricPoint{std::make_shared<const Labels>(std::move(labels)), std::move(value)});
}

// ... and the same values finer, in that point.
inline void add_exponential(MetricFamily& family, MetricPoint& point, int8_t schema, int32_t offset,
                            const std::vector<uint64_t>& counts, uint64_t zero_count = 0) {
  const auto store = std::make_shared<MetricStore>();
  ExponentialBuckets& buckets = store->take<ExponentialBuckets>(1)[0];
  buckets = {.schema = schema,
             .offset = offset,
             .zero_count = zero_count,
             .counts = store->copy(std::span<const uint64_t>(counts))};
  family.stores.push_back(store);
  std::get<HistogramValue>(point.value).exponential = &buckets;
}

}  // namespace sonde
