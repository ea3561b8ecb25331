// SPDX-License-Identifier: Apache-2.0
// The LineTable of a file, from its DWARF (2 to 5): one pass over all units, never a search for one
// address. It runs in a process that may die of what the file holds: libdw reads it, and the file
// is mapped.
#pragma once

#include "symbolizer/lines/line_table_writer.h"
#include "userspace/base/result.h"

namespace sonde {

// Where unpacked sections lie while it works: behind the largest table. The file `out` may become
// as large as this and DebugImage::kMaxUnpacked together, and ends as the table alone.
inline constexpr uint64_t kScratchAt = 256ull << 20;
static_assert(line_format::kMaxTable <= kScratchAt);

// `elf`: the program, or the file with its debug information. `alternate`: what its
// .gnu_debugaltlink means (dwz), or -1: what refers to it stays without a name. `out`: an empty
// file, read and written. Addresses in the table are those of the file's segments, before any bias.
// On failure, and when the process is killed, `out` holds no table. ENODATA: there is no DWARF.
Result<LinesWritten> write_lines(int elf, int alternate, int out);

}  // namespace sonde
