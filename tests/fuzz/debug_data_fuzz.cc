// SPDX-License-Identifier: Apache-2.0
// Packed debug data out of a hostile file.
#include <cstdint>
#include <cstdlib>

#include "symbolizer/symbols/debug_data.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto unpacked = sonde::unpack_debug_data({data, size});
  if (unpacked && unpacked->size() > sonde::kMaxDebugData) {
    abort();
  }
  return 0;
}
