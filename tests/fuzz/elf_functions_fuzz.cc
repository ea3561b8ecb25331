// SPDX-License-Identifier: Apache-2.0
// An ELF file whose functions are read.
#include <cstdint>
#include <cstdlib>

#include "symbolizer/symbols/elf_functions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  auto functions = read_functions(ByteSource::of_memory({data, size}));
  if (!functions) {
    return 0;
  }
  for (const FunctionSymbol& function : *functions) {
    if (function.name.empty() || function.name.size() > SymbolTable::kMaxName ||
        function.start >= size) {
      abort();
    }
  }
  const std::string table = SymbolTable::encode(*std::move(functions));
  if (!SymbolTable::over(table)) {
    abort();
  }
  return 0;
}
