// SPDX-License-Identifier: Apache-2.0
// MetricStore: memory for the buckets of many points, in few blocks instead of an allocation for
// each. What it hands out stays where it is for the store's life. One thread fills it; from then on
// it is only read, and the families whose points lie in it share it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace sonde {

class MetricStore {
 public:
  MetricStore() = default;
  MetricStore(const MetricStore&) = delete;
  MetricStore& operator=(const MetricStore&) = delete;

  // Zero or default values, to be filled by the caller.
  template <typename T>
  std::span<T> take(size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlignment);
    T* const first = reinterpret_cast<T*>(bytes(count * sizeof(T)));
    std::uninitialized_value_construct_n(first, count);
    return {first, count};
  }

  template <typename T>
  std::span<const T> copy(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
    T* const first = reinterpret_cast<T*>(bytes(values.size_bytes()));
    std::uninitialized_copy(values.begin(), values.end(), first);
    return {first, values.size()};
  }

 private:
  static constexpr size_t kBlock = size_t{64} * 1024;
  static constexpr size_t kAlignment = 8;

  std::byte* bytes(size_t size) {
    size = (size + kAlignment - 1) / kAlignment * kAlignment;
    if (size > left_) {
      left_ = std::max(size, kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(left_));
      next_ = blocks_.back().get();
    }
    std::byte* const out = next_;
    next_ += size;
    left_ -= size;
    return out;
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace sonde
