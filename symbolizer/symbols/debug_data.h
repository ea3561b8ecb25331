// SPDX-License-Identifier: Apache-2.0
// .gnu_debugdata ("MiniDebugInfo"): a whole ELF file of symbols, packed by xz, within a file that
// was stripped of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "userspace/base/result.h"

namespace sonde {

inline constexpr size_t kMaxPackedDebugData = 32u << 20;
inline constexpr size_t kMaxDebugData = 64u << 20;       // unpacked
inline constexpr uint64_t kMaxUnpackMemory = 80u << 20;  // of the unpacker itself

// All or nothing.
Result<std::vector<uint8_t>> unpack_debug_data(std::span<const uint8_t> packed);

}  // namespace sonde
