// SPDX-License-Identifier: Apache-2.0
// Histogram: counts whole numbers into fixed buckets. Sums stay integers, so that they are exact
// and merging shards in any order gives the same figure; units (seconds, bytes) appear only when
// the value is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "userspace/model/metrics.h"

namespace sonde {

// The bounds that dashboards of this field already query: seconds and bytes.
inline constexpr std::array<double, 15> kDurationBounds = {
    0, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};
inline constexpr std::array<double, 10> kSizeBounds = {0,   32,   64,   128,  256,
                                                       512, 1024, 2048, 4096, 8192};

// kBounds in the unit that is exported; values are added as whole numbers of which kPerUnit make
// one unit.
template <const auto& kBounds, uint64_t kPerUnit>
class Histogram {
 public:
  void add(uint64_t value) {
    size_t bucket = 0;
    while (bucket < kLimits.size() && value > kLimits[bucket]) {
      ++bucket;
    }
    ++counts_[bucket];
    sum_ += value;
  }

  bool empty() const {
    for (const uint64_t count : counts_) {
      if (count != 0) {
        return false;
      }
    }
    return true;
  }

  HistogramValue value() const {
    HistogramValue out;
    out.counts.assign(counts_.begin(), counts_.end());
    for (const uint64_t count : counts_) {
      out.count += count;
    }
    out.sum = static_cast<double>(sum_) / static_cast<double>(kPerUnit);
    return out;
  }

  // The bounds as metric families carry them: one shared copy.
  static const std::shared_ptr<const std::vector<double>>& bounds() {
    static const auto shared =
        std::make_shared<const std::vector<double>>(kBounds.begin(), kBounds.end());
    return shared;
  }

 private:
  static constexpr auto scaled() {
    std::array<uint64_t, kBounds.size()> out{};
    for (size_t i = 0; i < out.size(); ++i) {
      // llround is no constant expression yet, and bounds are not negative.
      // NOLINTNEXTLINE(bugprone-incorrect-roundings)
      out[i] = static_cast<uint64_t>(kBounds[i] * static_cast<double>(kPerUnit) + 0.5);
    }
    return out;
  }
  static constexpr auto kLimits = scaled();

  std::array<uint64_t, kBounds.size() + 1> counts_{};
  uint64_t sum_ = 0;
};

using DurationHistogram = Histogram<kDurationBounds, 1'000'000'000>;  // of nanoseconds
using SizeHistogram = Histogram<kSizeBounds, 1>;                      // of bytes

}  // namespace sonde
