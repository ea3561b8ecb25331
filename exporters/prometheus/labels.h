// SPDX-License-Identifier: Apache-2.0
// A point's labels, spelt for Prometheus.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "userspace/model/metrics.h"

namespace sonde::prometheus {

class LabelSpeller {
 public:
  struct Label {
    std::string name;
    std::string value;  // valid UTF-8
  };

  // Names that differ may be spelt alike: those are one label, its values joined by ';', as
  // OpenTelemetry's compatibility rules ask. Valid until the next call.
  std::span<const Label> spell(const Labels& labels);

 private:
  std::vector<Label> spelt_;  // strings are used again: nothing is allocated after warm-up
};

}  // namespace sonde::prometheus
