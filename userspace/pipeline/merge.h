// SPDX-License-Identifier: Apache-2.0
// One snapshot of several shards' families: what has the same name and the same labels is one
// point.
#pragma once

#include <vector>

#include "userspace/model/metrics.h"

namespace sonde {

// Moves part into total. Counters, gauges and histograms add up; an info point is there once.
// Families of one name must be of one kind and have the same bounds, and a family must not name a
// label set twice.
void merge_families(std::vector<MetricFamily>& total, std::vector<MetricFamily>&& part);

}  // namespace sonde
