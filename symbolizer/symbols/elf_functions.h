// SPDX-License-Identifier: Apache-2.0
// The functions of an ELF file by where they stand in it, whatever the file holds.
#pragma once

#include <optional>
#include <vector>

#include "symbolizer/symbols/symbol_table.h"
#include "symbolizer/unwind/byte_source.h"
#include "symbolizer/unwind/elf_file.h"
#include "userspace/base/result.h"

namespace sonde {

inline constexpr size_t kMaxElfSymbols = 1u << 20;      // of one section; the rest is not read
inline constexpr size_t kMaxElfNameBytes = 256u << 20;  // of one section

struct ElfSymbols {
  std::vector<FunctionSymbol> functions;  // any order; of several names at one place all
  bool whole = false;                     // there was a .symtab, not only .dynsym
};

// The symbols of `source`, where `placed` has them: of itself, or of the file that `source` was
// separated from.
ElfSymbols read_symbols(ByteSource source, const ElfFile& placed);

// Everything that names a function of this file: its symbols, those packed within it, those of its
// separate file if there is one, and its stubs. Fails if it is no ELF file that could run here.
Result<std::vector<FunctionSymbol>> read_functions(
    ByteSource source, const std::optional<ByteSource>& separate = std::nullopt);

}  // namespace sonde
