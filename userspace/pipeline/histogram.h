// SPDX-License-Identifier: Apache-2.0
// Histogram: counts whole numbers into fixed buckets, and once more into finer ones that grow by a
// factor. Sums stay integers, so that they are exact and merging shards in any order gives the same
// figure; units (seconds, bytes) appear only when the value is read.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "userspace/model/metrics.h"
#include "userspace/pipeline/exponential.h"

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
  // Where a value belongs: found once, used in several histograms.
  struct Place {
    uint64_t value;
    int32_t exponential;  // without meaning for 0
    uint8_t bucket;
  };

  static Place place(uint64_t value) {
    uint8_t bucket = kFirst[static_cast<size_t>(std::bit_width(value))];
    while (bucket < kLimits.size() && value > kLimits[bucket]) {
      ++bucket;
    }
    const double in_units = static_cast<double>(value) / static_cast<double>(kPerUnit);
    return {value, value != 0 ? exponential_index(in_units) : 0, bucket};
  }

  void add(const Place& place) {
    ++counts_[place.bucket];
    sum_ += place.value;
    if (place.value != 0) [[likely]] {
      exponential_.add(place.exponential);
    } else {
      exponential_.add_zero();
    }
  }
  void add(uint64_t value) { add(place(value)); }

  // Names the span that a value was measured in; the last of each bucket is kept.
  void mark(const Place& place, Exemplar exemplar) {
    if (exemplars_ == nullptr) {
      exemplars_ = std::make_unique<std::vector<Exemplar>>(kBounds.size() + 1);
    }
    (*exemplars_)[place.bucket] = std::move(exemplar);
  }

  // Its buckets lie in store.
  HistogramValue value(MetricStore& store) const {
    HistogramValue out;
    size_t used = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      out.count += counts_[i];
      used = counts_[i] != 0 ? i + 1 : used;
    }
    if (out.count == 0) {
      return out;
    }
    // Most values are small: what has no zeros at its end is half as large.
    out.counts = store.copy(std::span<const uint64_t>(counts_).first(used));
    out.sum = static_cast<double>(sum_) / static_cast<double>(kPerUnit);
    out.exponential = exponential_.value(store);
    if (exemplars_ != nullptr) {
      out.exemplars = *exemplars_;
    }
    return out;
  }

  // Heap bytes held.
  size_t memory() const { return exponential_.memory(); }

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

  // By the number of bits of a value: the first bucket it may be in.
  static constexpr auto first_buckets() {
    std::array<uint8_t, 65> out{};
    for (size_t bits = 0; bits < out.size(); ++bits) {
      const uint64_t least = bits == 0 ? 0 : uint64_t{1} << (bits - 1);
      while (out[bits] < kLimits.size() && least > kLimits[out[bits]]) {
        ++out[bits];
      }
    }
    return out;
  }
  static constexpr auto kFirst = first_buckets();

  std::array<uint64_t, kBounds.size() + 1> counts_{};
  uint64_t sum_ = 0;
  ExponentialHistogram exponential_;
  std::unique_ptr<std::vector<Exemplar>> exemplars_;
};

using DurationHistogram = Histogram<kDurationBounds, 1'000'000'000>;  // of nanoseconds
using SizeHistogram = Histogram<kSizeBounds, 1>;                      // of bytes

}  // namespace sonde
