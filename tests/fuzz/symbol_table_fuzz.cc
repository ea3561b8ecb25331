// SPDX-License-Identifier: Apache-2.0
// A table of symbols as it lies in a file. Its checksum is put right, or nothing behind it would
// ever be looked at.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "symbolizer/symbols/symbol_table.h"
#include "userspace/base/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kChecksum = 12;
  constexpr size_t kHeader = 24;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size >= kHeader) {
    const uint32_t sum = sonde::crc32c({data + kHeader, size - kHeader});
    std::memcpy(bytes.data() + kChecksum, &sum, sizeof(sum));
  }
  const auto table = sonde::SymbolTable::over(bytes);
  if (!table) {
    return 0;
  }
  for (uint64_t offset = 0; offset < 4096; offset += 3) {
    const auto found = table->find(offset);
    if (found && found->offset > offset) {
      abort();
    }
  }
  return 0;
}
