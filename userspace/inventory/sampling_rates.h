// SPDX-License-Identifier: Apache-2.0
// SamplingRates: how often each process is sampled. One clock rings for all of them, as often as
// the most wanted one is to be sampled; of the others one ring in so many is taken. Pure and
// immutable: any thread may ask.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/inventory/process.h"
#include "userspace/inventory/rule_match.h"
#include "userspace/model/rate_rule.h"

namespace sonde {

class SamplingRates {
 public:
  // Everybody alike.
  explicit SamplingRates(uint64_t usual_hz = 49)
      : clock_hz_(usual_hz > 0 ? usual_hz : 1), usual_hz_(clock_hz_) {}
  // REQUIRES: each rule has its rate. Fails, naming the user, if a rule names one that is not
  // known.
  static Result<SamplingRates> make(uint64_t usual_hz, std::span<const RateRule> rules,
                                    const UserLookup& user_number);

  uint64_t clock_hz() const { return clock_hz_; }
  // Of so many rings that meet the process one is taken: the whole number that comes nearest to the
  // wanted rate. 0: it is not sampled. Null: nothing is known of it.
  uint32_t one_in(const Process* process) const;
  // Of who matches no rule.
  uint32_t usual_one_in() const { return one_in_of(usual_hz_); }

 private:
  struct Rule {
    ResolvedRule match;
    RateRule as_written;
  };
  uint32_t one_in_of(uint64_t hz) const {
    return hz == 0 ? 0 : static_cast<uint32_t>((clock_hz_ + hz / 2) / hz);
  }

  uint64_t clock_hz_;
  uint64_t usual_hz_;
  std::vector<Rule> rules_;
};

}  // namespace sonde
