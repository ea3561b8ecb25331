// SPDX-License-Identifier: Apache-2.0
// The build-id of an ELF file: what its linker drew for this very build. Read through a descriptor,
// by a few bounded reads; whatever the file holds.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sonde {

constexpr size_t kMaxBuildId = 64;

// In hex; empty: it has none, or it is no 64-bit ELF file of this machine's byte order.
std::string read_build_id(int file);

// Of the bytes of a note segment, whose notes are aligned so (4 or 8).
std::string build_id_in_notes(std::span<const uint8_t> notes, uint64_t alignment);

}  // namespace sonde
