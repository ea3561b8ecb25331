// SPDX-License-Identifier: Apache-2.0
// The text of /proc/kallsyms.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "symbolizer/symbols/kernel_symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto symbols = sonde::KernelSymbols::parse(text);
  if (!symbols) {
    return 0;
  }
  for (uint64_t address = 0; address < 4096; address += 5) {
    const auto found = symbols->find(address);
    if (found && (found->offset > address || text.find(found->name) == text.npos)) {
      abort();
    }
  }
  return 0;
}
