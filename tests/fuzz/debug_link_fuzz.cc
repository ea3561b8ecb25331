// SPDX-License-Identifier: Apache-2.0
// The section that says where a file's symbols were put, and the paths that follow from it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "symbolizer/symbols/debug_link.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto link = sonde::parse_debug_link({data, size});
  for (const std::string& path : sonde::debug_file_paths("/bin/shop", "abcdef", link)) {
    if (!path.starts_with('/') || path.ends_with("/..") || path.contains("/../") ||
        path.contains('\0')) {
      abort();
    }
  }
  return 0;
}
