// SPDX-License-Identifier: Apache-2.0
// RateRule: what an operator writes to have some services sampled more often than others, or not at
// all. The configuration reads it, the inventory obeys it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "userspace/model/selection_rule.h"

namespace sonde {

// Of all rules that match a process the first decides.
struct RateRule {
  SelectionRule match = {};         // all given fields match; never ports: samples have none
  std::string service = {};         // glob on the service's name; empty: not given
  std::optional<uint64_t> hz = {};  // samples a second of each CPU; 0: none
  bool operator==(const RateRule&) const = default;
};

}  // namespace sonde
