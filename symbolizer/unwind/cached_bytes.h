// SPDX-License-Identifier: Apache-2.0
// CachedBytes: a part of a ByteSource, through a small cache: what is read again and again in
// nearly ascending order costs few system calls and a few MiB, however large the part is.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "symbolizer/unwind/byte_source.h"

namespace sonde {

class CachedBytes {
 public:
  // The part must lie within the source.
  CachedBytes(ByteSource source, uint64_t offset, uint64_t size);

  uint64_t size() const { return size_; }

  // Bytes from offset on, borrowed until the next call; nothing: they end before, or cannot be
  // read. The part's last bytes may be asked for with a size beyond them by up_to.
  std::optional<std::span<const uint8_t>> view(uint64_t offset, size_t size);
  std::span<const uint8_t> up_to(uint64_t offset, size_t size);

 private:
  static constexpr size_t kBlockBytes = 16384;
  static constexpr size_t kBlocks = 128;

  // The block, as far as there are bytes; nothing: cannot be read.
  std::optional<std::span<const uint8_t>> block(uint64_t number);

  ByteSource source_;
  uint64_t offset_;
  uint64_t size_;
  std::vector<uint8_t> cache_;
  std::vector<uint64_t> holds_;    // block number + 1 of each place
  std::vector<uint8_t> gathered_;  // a view over several blocks
};

}  // namespace sonde
