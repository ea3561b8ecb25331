// SPDX-License-Identifier: Apache-2.0
// What exporters offer and what they are given. Pull exporters ask a MetricSource; push exporters
// are given batches (none yet: they come with spans and remote write).
#pragma once

#include <memory>

#include "userspace/model/metrics.h"

namespace sonde {

// Where the current metrics can be had. Any thread may call collect(); it may wait some
// milliseconds for the shards to answer, and never holds a lock that the shards wait for.
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  virtual std::shared_ptr<const MetricSnapshot> collect() = 0;
};

}  // namespace sonde
