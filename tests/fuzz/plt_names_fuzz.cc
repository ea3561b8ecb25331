// SPDX-License-Identifier: Apache-2.0
// An ELF file whose stubs are read.
#include <cstdint>
#include <cstdlib>

#include "symbolizer/symbols/plt_names.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  const auto file = ElfFile::open(ByteSource::of_memory({data, size}));
  if (!file) {
    return 0;
  }
  for (const FunctionSymbol& stub : plt_names(*file)) {
    if (!stub.name.ends_with("@plt") || stub.name.size() > SymbolTable::kMaxName ||
        stub.start >= size) {
      abort();
    }
  }
  return 0;
}
