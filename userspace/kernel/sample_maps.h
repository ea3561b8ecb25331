// SPDX-License-Identifier: Apache-2.0
// The maps of the sampler that are no ring. Descriptors are borrowed from a MapPool that must live
// longer.
#pragma once

#include <array>
#include <cstdint>
#include <set>

#include "bpf/shared/samples.h"
#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

// By sonde_sample_counter.
using SampleCounts = std::array<uint64_t, SONDE_SAMPLE_COUNTS>;

class SampleMaps {
 public:
  explicit SampleMaps(const MapPool& pool)
      : counters_(pool.find("sample_counters")),
        sampling_(pool.find("sampling")),
        rates_(pool.find("rates")) {}

  // Summed up over the CPUs.
  Result<SampleCounts> counts() const;
  Result<> set_sampling(const sonde_sampling& sampling) const;
  // Of one process. False: the map does not take it.
  bool set_rate(uint32_t pid, const sonde_rate& rate);
  void forget_rates();

 private:
  int counters_, sampling_, rates_;
  std::set<uint32_t> rated_;  // processes that may stand in it
};

}  // namespace sonde
