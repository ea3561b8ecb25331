// SPDX-License-Identifier: Apache-2.0
// A hash for numbers whose low bits are alike: the map takes those alone, and the standard
// library's is the number itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sonde {

struct MixedHash {
  size_t operator()(uint64_t number) const {
    number ^= number >> 32;
    number *= 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio: every bit reaches those above it
    return number ^ number >> 32;
  }
  size_t operator()(const void* pointer) const {
    return operator()(reinterpret_cast<uint64_t>(pointer));
  }
};

}  // namespace sonde
