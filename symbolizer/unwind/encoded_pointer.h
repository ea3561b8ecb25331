// SPDX-License-Identifier: Apache-2.0
// Numbers as DWARF and .eh_frame write them: LEB128, and pointers with an encoding byte (Linux
// Standard Base, "DWARF Extensions"). Nothing: the bytes end before it does, or it is a kind that
// no file on disk can answer.
#pragma once

#include <cstdint>
#include <optional>

#include "userspace/base/bytes.h"

namespace sonde {

constexpr uint8_t kPointerOmitted = 0xff;

// What relative pointers are relative to.
struct PointerBases {
  uint64_t here = 0;  // the address of the pointer itself
  std::optional<uint64_t> data = std::nullopt;
};

std::optional<uint64_t> read_pointer(Bytes& at, uint8_t encoding, const PointerBases& bases);

inline std::optional<uint64_t> read_uleb(Bytes& at) {
  uint64_t value = 0;
  uint8_t byte = 0;
  for (unsigned shift = 0; at.read(byte); shift += 7) {
    // Bits beyond 64 are dropped: padding with zeros is allowed to any length.
    value |= shift < 64 ? uint64_t{byte & 0x7fu} << shift : 0;
    if ((byte & 0x80) == 0) {
      return value;
    }
  }
  return std::nullopt;
}

inline std::optional<int64_t> read_sleb(Bytes& at) {
  uint64_t value = 0;
  uint8_t byte = 0;
  for (unsigned shift = 0; at.read(byte);) {
    value |= shift < 64 ? uint64_t{byte & 0x7fu} << shift : 0;
    shift += 7;
    if ((byte & 0x80) == 0) {
      if ((byte & 0x40) != 0 && shift < 64) {
        value |= ~uint64_t{0} << shift;
      }
      return static_cast<int64_t>(value);
    }
  }
  return std::nullopt;
}

}  // namespace sonde
