// SPDX-License-Identifier: Apache-2.0
// The stubs by which a file calls functions of others: no symbol names them, but each jumps by way
// of a word that a relocation fills with a named function's address. "memcpy@plt".
#pragma once

#include <vector>

#include "symbolizer/symbols/symbol_table.h"
#include "symbolizer/unwind/elf_file.h"

namespace sonde {

inline constexpr size_t kMaxStubs = 65'536;             // the rest has no names
inline constexpr size_t kMaxRelocations = 1u << 20;     // of one section
inline constexpr size_t kMaxStubNameBytes = 64u << 20;  // of .dynstr

// They rank behind every symbol.
std::vector<FunctionSymbol> plt_names(const ElfFile& file);

}  // namespace sonde
