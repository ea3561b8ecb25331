// SPDX-License-Identifier: Apache-2.0
// RuleNumbers: each rule once, by its number. Rule 0 is SONDE_CFA_INVALID, and stands for those
// that find no room.
#pragma once

#include <tsl/robin_map.h>

#include <span>
#include <vector>

#include "bpf/shared/unwind.h"

namespace sonde {

class RuleNumbers {
 public:
  // limit: rules, at most 65,536.
  explicit RuleNumbers(size_t limit);

  // The rule's number, a new one if it has none; 0 if there is no room, which is counted.
  uint16_t number_of(const sonde_rule& rule);

  std::span<const sonde_rule> rules() const { return rules_; }
  uint64_t refused() const { return refused_; }

 private:
  size_t limit_;
  std::vector<sonde_rule> rules_;
  tsl::robin_map<uint64_t, uint16_t> numbers_;
  uint64_t refused_ = 0;
};

}  // namespace sonde
