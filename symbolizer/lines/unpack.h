// SPDX-License-Identifier: Apache-2.0
// Unpacks a compressed section (zlib, zstd) from one file into another, a piece at a time.
#pragma once

#include <cstdint>

#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"

namespace sonde {

// A section that lies at `offset` and has `size` bytes, an Elf64_Chdr first, to `fd` from `at` on.
// How many bytes it became: what its header says, at most `most`; else it fails.
Result<uint64_t> unpack_section(ByteSource source, uint64_t offset, uint64_t size, int fd,
                                uint64_t at, uint64_t most);

}  // namespace sonde
