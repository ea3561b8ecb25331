// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/sampling_rates.h"

#include <algorithm>
#include <utility>

#include "userspace/inventory/glob.h"

namespace sonde {

Result<SamplingRates> SamplingRates::make(uint64_t usual_hz, std::span<const RateRule> rules,
                                          const UserLookup& user_number) {
  SamplingRates out(usual_hz);
  for (const RateRule& rule : rules) {
    auto match = resolve_rule(rule.match, user_number);
    if (!match) {
      return std::unexpected(match.error());
    }
    out.clock_hz_ = std::max(out.clock_hz_, rule.hz.value_or(0));
    out.rules_.push_back({.match = *std::move(match), .as_written = rule});
  }
  return out;
}

uint32_t SamplingRates::one_in(const Process* process) const {
  const ProcessFacts facts = process != nullptr ? facts_of(*process) : ProcessFacts{};
  const auto is_called = [&](const std::string& glob) {
    return glob.empty() || (process != nullptr && process->service != nullptr &&
                            (glob_matches(glob, process->service->name) ||
                             glob_matches(glob, process->service->job)));
  };
  for (const Rule& rule : rules_) {
    if (is_called(rule.as_written.service) && process_matches(rule.match, facts)) {
      return one_in_of(rule.as_written.hz.value_or(usual_hz_));
    }
  }
  return usual_one_in();
}

}  // namespace sonde
