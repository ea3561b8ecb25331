// SPDX-License-Identifier: Apache-2.0
// The note of an ELF file that tells its build-id: what its linker drew for this very build.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sonde {

inline constexpr size_t kMaxBuildId = 64;

// In hex, of the bytes of notes that are aligned so (4 or 8). Empty: none of them is one.
std::string build_id_in_notes(std::span<const uint8_t> notes, uint64_t alignment);

}  // namespace sonde
