// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/exponential.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr int32_t kOctave = 8;  // buckets are taken so many at a time

int32_t octave_down(int32_t index) { return index & -kOctave; }
int32_t octave_up(int32_t index) { return octave_down(index + kOctave - 1); }

// The least steps by which [first, last] must become coarser to fit.
unsigned steps_to_fit(int32_t first, int32_t last, size_t room) {
  unsigned steps = 0;
  while (static_cast<size_t>(coarser(last, steps) - coarser(first, steps)) >= room) {
    ++steps;
  }
  return steps;
}

void add_to(std::span<uint64_t> to, int32_t to_offset, const ExponentialBuckets& from, int schema) {
  const auto steps = static_cast<unsigned>(from.schema - schema);
  for (size_t i = 0; i < from.counts.size(); ++i) {
    const int32_t index = coarser(from.offset + static_cast<int32_t>(i), steps);
    to[static_cast<size_t>(index - to_offset)] += from.counts[i];
  }
}

}  // namespace

void ExponentialHistogram::add_outside(int32_t index) {
  int32_t at = coarser(index, steps_);
  int32_t first = at;
  int32_t last = at;
  if (size_ != 0) {
    first = std::min(first, offset_);
    last = std::max(last, offset_ + size_ - 1);
  }
  // Octaves at both ends may be used in part.
  const unsigned more =
      steps_to_fit(first, last, kMaxExponentialBuckets - static_cast<size_t>(2 * kOctave));
  first = octave_down(coarser(first, more));
  last = octave_up(coarser(last, more) + 1);
  const auto size = static_cast<size_t>(last - first);
  auto counts = std::make_unique<uint64_t[]>(size);
  for (uint16_t i = 0; i < size_; ++i) {
    counts[static_cast<size_t>(coarser(offset_ + i, more) - first)] += counts_[i];
  }
  counts_ = std::move(counts);
  offset_ = first;
  size_ = static_cast<uint16_t>(size);
  steps_ = static_cast<uint8_t>(steps_ + more);
  ++counts_[static_cast<size_t>(coarser(index, steps_) - offset_)];
}

const ExponentialBuckets* ExponentialHistogram::value(MetricStore& store) const {
  if (empty()) {
    return nullptr;
  }
  std::span<const uint64_t> used(counts_.get(), size_);
  int32_t offset = offset_;
  while (!used.empty() && used.front() == 0) {
    used = used.subspan(1);
    ++offset;
  }
  while (!used.empty() && used.back() == 0) {
    used = used.first(used.size() - 1);
  }
  ExponentialBuckets& out = store.take<ExponentialBuckets>(1)[0];
  out.schema = static_cast<int8_t>(kFinestSchema - steps_);
  out.offset = offset;
  out.zero_count = zero_count_;
  out.counts = store.copy(used);
  return &out;
}

const ExponentialBuckets* merged(const ExponentialBuckets& a, const ExponentialBuckets& b,
                                 MetricStore& store) {
  ExponentialBuckets& out = store.take<ExponentialBuckets>(1)[0];
  out.zero_threshold = std::max(a.zero_threshold, b.zero_threshold);
  out.zero_count = a.zero_count + b.zero_count;
  int schema = std::min<int>(a.schema, b.schema);
  int32_t first = 0;
  int32_t last = -1;
  for (const ExponentialBuckets* each : {&a, &b}) {
    if (each->counts.empty()) {
      continue;
    }
    const auto steps = static_cast<unsigned>(each->schema - schema);
    const int32_t begin = coarser(each->offset, steps);
    const int32_t end =
        coarser(each->offset + static_cast<int32_t>(each->counts.size()) - 1, steps);
    const bool none = last < first;
    first = none ? begin : std::min(first, begin);
    last = none ? end : std::max(last, end);
  }
  if (first <= last) {
    const unsigned steps = steps_to_fit(first, last, kMaxExponentialBuckets);
    schema -= static_cast<int>(steps);
    first = coarser(first, steps);
    last = coarser(last, steps);
    const auto counts = store.take<uint64_t>(static_cast<size_t>(last - first) + 1);
    add_to(counts, first, a, schema);
    add_to(counts, first, b, schema);
    out.counts = counts;
  }
  out.schema = static_cast<int8_t>(schema);
  out.offset = first;
  return &out;
}

}  // namespace sonde
