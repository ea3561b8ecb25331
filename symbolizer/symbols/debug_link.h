// SPDX-License-Identifier: Apache-2.0
// A stripped file and the separate one that its symbols were put into: where that may lie, and
// whether it is the one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/unwind/byte_source.h"
#include "symbolizer/unwind/elf_file.h"

namespace sonde {

// What .gnu_debuglink says: a name without folders, and the file's check (zlib's crc32).
struct DebugLink {
  std::string name;
  uint32_t check = 0;
};

// Nothing: the bytes are no such section.
std::optional<DebugLink> parse_debug_link(std::span<const uint8_t> section);
std::optional<DebugLink> read_debug_link(ByteSource file);

// Paths as the process sees them, the likeliest first. `path`: the file's own; empty: not known.
std::vector<std::string> debug_file_paths(std::string_view path, std::string_view build_id,
                                          const std::optional<DebugLink>& link);

// Is `debug` the separate file of this one? By both build-ids where `file` has one, else by the
// link's check.
bool is_debug_file_of(const ElfFile& file, const std::optional<DebugLink>& link, ByteSource debug);

}  // namespace sonde
