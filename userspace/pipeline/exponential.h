// SPDX-License-Identifier: Apache-2.0
// Buckets that grow by a constant factor (what Prometheus calls a native histogram): schema 3, a
// factor of 2^(1/8) = 1.09, while the values lie close together; coarser by powers of two when they
// do not, so that kMaxExponentialBuckets always suffice. Memory is taken in octaves, as values
// come.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "userspace/model/metrics.h"

namespace sonde {

inline constexpr int kFinestSchema = 3;
inline constexpr size_t kMaxExponentialBuckets = 160;

// Where between two powers of two the bounds of the finest schema lie. At most one of them is in
// each sixteenth of that range, so that the first four bits of a mantissa leave one comparison.
struct MantissaTable {
  static constexpr unsigned kMantissaBits = 52;
  static constexpr unsigned kCellBits = 4;
  std::array<uint64_t, 1 << kCellBits> bound{};  // mantissa of the bound in the cell, or behind it
  std::array<uint8_t, 1 << kCellBits> below{};   // bounds in the cells before

  constexpr MantissaTable() {
    // 2^(k/8) for k = 0..8.
    constexpr std::array<double, 9> kBounds = {
        1.0,
        1.0905077326652577,
        1.189207115002721,
        1.2968395546510096,
        1.4142135623730951,
        1.5422108254079407,
        1.681792830507429,
        1.8340080864093424,
        2.0,
    };
    uint8_t k = 0;
    for (size_t cell = 0; cell < bound.size(); ++cell) {
      const uint64_t end = (cell + 1) << (kMantissaBits - kCellBits);
      const auto mantissa = [&](size_t i) {
        return i == 8 ? uint64_t{1} << kMantissaBits
                      : std::bit_cast<uint64_t>(kBounds[i]) & kMantissaMask;
      };
      below[cell] = k;
      bound[cell] = mantissa(k);
      if (mantissa(k) < end) {
        ++k;
      }
    }
  }
  static constexpr uint64_t kMantissaMask = (uint64_t{1} << kMantissaBits) - 1;
};
inline constexpr MantissaTable kMantissaTable;

// The bucket i of the finest schema with 2^((i-1)/8) < value <= 2^(i/8). value must be positive and
// normal.
inline int32_t exponential_index(double value) {
  constexpr int kBias = 1023;
  const auto bits = std::bit_cast<uint64_t>(value);
  const int exponent = static_cast<int>(bits >> MantissaTable::kMantissaBits) - kBias;
  const uint64_t mantissa = bits & MantissaTable::kMantissaMask;
  const size_t cell = mantissa >> (MantissaTable::kMantissaBits - MantissaTable::kCellBits);
  return exponent * (1 << kFinestSchema) + kMantissaTable.below[cell] +
         (mantissa > kMantissaTable.bound[cell] ? 1 : 0);
}

// The bucket that holds bucket `index` when the schema is coarser by so many steps.
inline int32_t coarser(int32_t index, unsigned steps) {
  return (index + (1 << steps) - 1) >> steps;
}

class ExponentialHistogram {
 public:
  // index: exponential_index of the value.
  void add(int32_t index) {
    const auto at = static_cast<uint32_t>(coarser(index, steps_) - offset_);
    if (at < size_) [[likely]] {
      ++counts_[at];
    } else {
      add_outside(index);
    }
  }
  void add_zero() { ++zero_count_; }

  bool empty() const { return size_ == 0 && zero_count_ == 0; }
  // Heap bytes held.
  size_t memory() const { return size_ * sizeof(uint64_t); }
  // Null if nothing was added.
  const ExponentialBuckets* value(MetricStore& store) const;

 private:
  void add_outside(int32_t index);

  std::unique_ptr<uint64_t[]> counts_;
  int32_t offset_ = 0;  // index of the first of counts_
  uint16_t size_ = 0;
  uint8_t steps_ = 0;  // schema = kFinestSchema - steps_
  uint64_t zero_count_ = 0;
};

// Both together, as fine as both and the cap allow. Lies in store.
const ExponentialBuckets* merged(const ExponentialBuckets& a, const ExponentialBuckets& b,
                                 MetricStore& store);

}  // namespace sonde
