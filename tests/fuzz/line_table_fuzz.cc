// SPDX-License-Identifier: Apache-2.0
// A table of lines as it lies in a file. Its checksum is put right, or nothing behind it would ever
// be looked at.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "symbolizer/lines/line_table.h"
#include "userspace/base/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sonde::line_format::Header;
  using sonde::line_format::kChecked;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  uint64_t base = 0;
  if (size >= sizeof(Header)) {
    const uint32_t body = sonde::crc32c({data + sizeof(Header), size - sizeof(Header)});
    const uint32_t sum = sonde::crc32c({data + kChecked, sizeof(Header) - kChecked}, body);
    std::memcpy(bytes.data() + offsetof(Header, checksum), &sum, sizeof(sum));
    std::memcpy(&base, data + offsetof(Header, base), sizeof(base));
  }
  const auto table = sonde::LineTable::over(bytes);
  if (!table) {
    return 0;
  }
  std::vector<sonde::LineFrame> frames;
  for (uint64_t offset = 0; offset < 256; ++offset) {
    table->find(base + offset, frames);
    if (frames.size() > sonde::LineTable::kMaxFrames) {
      abort();
    }
  }
  return 0;
}
