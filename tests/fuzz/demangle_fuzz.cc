// SPDX-License-Identifier: Apache-2.0
// A symbol's name out of a hostile file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "symbolizer/symbols/demangle.h"

// What a demangler owned when its text became too long is lost (demangle.cc).
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): theirs
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  if (sonde::demangle(name).size() > std::max(size, 2 * sonde::kMaxDemangled)) {
    abort();
  }
  return 0;
}
