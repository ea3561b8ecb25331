// SPDX-License-Identifier: Apache-2.0
// The functions of an ELF file by where they stand in it: .symtab, and .dynsym, which a stripped
// file still has. Whatever the file holds.
#pragma once

#include <vector>

#include "symbolizer/symbols/symbol_table.h"
#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"

namespace sonde {

inline constexpr size_t kMaxElfSymbols = 1u << 20;      // of one section; the rest is not read
inline constexpr size_t kMaxElfNameBytes = 256u << 20;  // of one section

// Any order; of several names at one place all. Fails if it is no ELF file that could run here.
Result<std::vector<FunctionSymbol>> read_functions(ByteSource source);

}  // namespace sonde
