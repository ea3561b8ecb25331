// SPDX-License-Identifier: Apache-2.0
// ByteSource: bytes by offset, from a file or from memory. Files are read, never mapped: one that
// is cut while we look at it gives fewer bytes, not a signal. The caller keeps the descriptor or
// the memory; const methods may be called by several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace sonde {

class ByteSource {
 public:
  static ByteSource of_file(int fd, uint64_t size) { return {fd, size, nullptr}; }
  static ByteSource of_memory(std::span<const uint8_t> bytes) {
    return {-1, bytes.size(), bytes.data()};
  }

  uint64_t size() const { return size_; }

  // Fills out with the bytes at offset; false if not all of them could be had.
  bool read(uint64_t offset, std::span<uint8_t> out) const;

  template <typename T>
  bool read(uint64_t offset, T& out) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return read(offset, std::span(reinterpret_cast<uint8_t*>(&out), sizeof(T)));
  }

 private:
  ByteSource(int fd, uint64_t size, const uint8_t* memory) : fd_(fd), size_(size), at_(memory) {}

  int fd_;
  uint64_t size_;
  const uint8_t* at_;
};

}  // namespace sonde
