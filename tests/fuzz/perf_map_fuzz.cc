// SPDX-License-Identifier: Apache-2.0
// A map of names that a watched process wrote, and its /proc/PID/status.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "symbolizer/runtimes/perf_map.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  parse_target_process(text);

  // Read at once or line by line, the same comes out.
  CodeMap whole;
  uint64_t malformed = 0;
  const size_t done = read_perf_map(text, whole, malformed);
  CodeMap pieces;
  uint64_t malformed_again = 0;
  size_t begin = 0;
  while (const size_t read = read_perf_map(text.substr(begin, text.find('\n', begin) - begin + 1),
                                           pieces, malformed_again)) {
    begin += read;
  }
  if (done > size || begin != done || malformed != malformed_again ||
      whole.size() != pieces.size()) {
    abort();
  }
  for (uint64_t address = 0; address < 4096; address += 7) {
    const auto one = whole.find(address);
    const auto other = pieces.find(address);
    if (one.has_value() != other.has_value() || (one && one->name != other->name)) {
      abort();
    }
  }
  return 0;
}
