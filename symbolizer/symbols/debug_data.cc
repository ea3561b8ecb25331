// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/debug_data.h"

#include <lzma.h>

#include <algorithm>

namespace sonde {

Result<std::vector<uint8_t>> unpack_debug_data(std::span<const uint8_t> packed) {
  constexpr size_t kFirst = size_t{64} * 1024;
  if (packed.size() > kMaxPackedDebugData) {
    return fail("too much packed debug data");
  }
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxUnpackMemory, 0) != LZMA_OK) {
    return fail("no memory to unpack debug data");
  }
  std::vector<uint8_t> out(kFirst);
  stream.next_in = packed.data();
  stream.avail_in = packed.size();
  size_t size = 0;
  lzma_ret state = LZMA_OK;
  while (state == LZMA_OK) {
    if (size == out.size()) {
      if (out.size() >= kMaxDebugData) {
        break;
      }
      out.resize(std::min(2 * out.size(), kMaxDebugData));
    }
    stream.next_out = out.data() + size;
    stream.avail_out = out.size() - size;
    state = lzma_code(&stream, LZMA_FINISH);
    size = out.size() - stream.avail_out;
  }
  lzma_end(&stream);
  if (state != LZMA_STREAM_END) {
    return fail(state == LZMA_OK               ? "debug data that unpacks to too much"
                : state == LZMA_MEMLIMIT_ERROR ? "debug data that takes too much to unpack"
                                               : "damaged debug data");
  }
  out.resize(size);
  return out;
}

}  // namespace sonde
