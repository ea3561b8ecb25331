// SPDX-License-Identifier: Apache-2.0
// The maps of the sampler that are no ring. Descriptors are borrowed from a MapPool that must live
// longer.
#pragma once

#include <array>
#include <cstdint>

#include "bpf/shared/samples.h"
#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

// By sonde_sample_counter.
using SampleCounts = std::array<uint64_t, SONDE_SAMPLE_COUNTS>;

class SampleMaps {
 public:
  explicit SampleMaps(const MapPool& pool)
      : counters_(pool.find("sample_counters")), sampling_(pool.find("sampling")) {}

  // Summed up over the CPUs.
  Result<SampleCounts> counts() const;
  Result<> set_sampling(const sonde_sampling& sampling) const;

 private:
  int counters_, sampling_;
};

}  // namespace sonde
