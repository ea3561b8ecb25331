// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/rule_numbers.h"

#include <bit>

namespace sonde {

RuleNumbers::RuleNumbers(size_t limit) : limit_(limit) {
  rules_.push_back({});
  numbers_.emplace(0, 0);
}

uint16_t RuleNumbers::number_of(const sonde_rule& rule) {
  const auto key = std::bit_cast<uint64_t>(rule);
  if (const auto known = numbers_.find(key); known != numbers_.end()) {
    return known->second;
  }
  if (rules_.size() >= limit_) {
    refused_++;
    return 0;
  }
  const auto number = static_cast<uint16_t>(rules_.size());
  rules_.push_back(rule);
  numbers_.emplace(key, number);
  return number;
}

}  // namespace sonde
