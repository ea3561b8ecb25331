// SPDX-License-Identifier: Apache-2.0
// What a runtime wrote of its code: the first byte is the size of the pieces in which it is read.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "symbolizer/runtimes/jit_dump.h"

namespace {

// How many bytes were taken; nothing if it is no such file.
std::optional<uint64_t> read_all(sonde::JitRecords& records, std::string_view text, size_t piece) {
  uint64_t begin = 0;
  for (size_t end = 0; end < text.size();) {
    end = std::min(text.size(), end + piece);
    if (begin > end) {
      continue;
    }
    const auto done = records.read(text.substr(begin, end - begin));
    if (!done) {
      return std::nullopt;
    }
    begin += *done;
  }
  return begin;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  sonde::JitRecords whole;
  sonde::JitRecords pieces;
  const auto one = read_all(whole, text, size);
  const auto other = read_all(pieces, text, data[0] + size_t{1});
  if (one != other || whole.counts().loaded != pieces.counts().loaded ||
      whole.code().size() != pieces.code().size()) {
    abort();
  }
  for (uint64_t address = 0; address < 4096; address += 7) {
    whole.line_at(address);
  }
  return 0;
}
