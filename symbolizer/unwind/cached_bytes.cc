// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/cached_bytes.h"

#include <algorithm>

namespace sonde {

CachedBytes::CachedBytes(ByteSource source, uint64_t offset, uint64_t size)
    : source_(source),
      offset_(offset),
      size_(size),
      cache_(std::min<uint64_t>(kBlocks, size / kBlockBytes + 1) * kBlockBytes),
      holds_(cache_.size() / kBlockBytes) {}

std::optional<std::span<const uint8_t>> CachedBytes::block(uint64_t number) {
  const uint64_t begin = number * kBlockBytes;
  const size_t place = number % holds_.size();
  const std::span<uint8_t> bytes = std::span(cache_).subspan(
      place * kBlockBytes, std::min<uint64_t>(kBlockBytes, size_ - begin));
  if (holds_[place] != number + 1) {
    holds_[place] = 0;
    if (!source_.read(offset_ + begin, bytes)) {
      return std::nullopt;
    }
    holds_[place] = number + 1;
  }
  return bytes;
}

std::optional<std::span<const uint8_t>> CachedBytes::view(uint64_t offset, size_t size) {
  if (offset > size_ || size > size_ - offset) {
    return std::nullopt;
  }
  if (size == 0) {
    return std::span<const uint8_t>();
  }
  const uint64_t first = offset / kBlockBytes;
  const size_t into = offset % kBlockBytes;
  if (into + size <= kBlockBytes) {
    const auto bytes = block(first);
    return bytes ? std::optional(bytes->subspan(into, size)) : std::nullopt;
  }
  gathered_.resize(size);
  for (size_t done = 0; done < size;) {
    const auto bytes = block((offset + done) / kBlockBytes);
    if (!bytes) {
      return std::nullopt;
    }
    const auto part = bytes->subspan((offset + done) % kBlockBytes);
    const size_t n = std::min(part.size(), size - done);
    std::copy_n(part.begin(), n, gathered_.begin() + static_cast<ptrdiff_t>(done));
    done += n;
  }
  return gathered_;
}

std::span<const uint8_t> CachedBytes::up_to(uint64_t offset, size_t size) {
  if (offset >= size_) {
    return {};
  }
  return view(offset, std::min<uint64_t>(size, size_ - offset))
      .value_or(std::span<const uint8_t>());
}

}  // namespace sonde
