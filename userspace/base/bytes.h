// SPDX-License-Identifier: Apache-2.0
// Bytes: the one way hostile bytes are read. A cursor over borrowed memory that never passes its
// end; each read says whether it could be had. The caller keeps the memory alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace sonde {

class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::span<const uint8_t> data)
      : at_(data.data()), end_(data.data() + data.size()) {}
  explicit Bytes(std::string_view text)
      : at_(reinterpret_cast<const uint8_t*>(text.data())), end_(at_ + text.size()) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool empty() const { return at_ == end_; }
  const uint8_t* data() const { return at_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(at_), left()}; }

  // Moves past n bytes; false, and nothing moved, if fewer are left.
  bool skip(size_t n) {
    if (n > left()) {
      return false;
    }
    at_ += n;
    return true;
  }

  // The next n bytes, moved past; nothing if fewer are left.
  std::optional<std::string_view> take(size_t n) {
    if (n > left()) {
      return std::nullopt;
    }
    std::string_view out(reinterpret_cast<const char*>(at_), n);
    at_ += n;
    return out;
  }

  // A trivially copyable value in this machine's byte order, alignment of the source irrelevant.
  template <typename T>
  bool read(T& out) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (sizeof(T) > left()) {
      return false;
    }
    std::memcpy(&out, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

 private:
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
};

}  // namespace sonde
