// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace sonde::prometheus {
namespace {

constexpr int kLevel =
    1;  // a scrape's text repeats itself: the cheapest level makes a tenth of it already
constexpr int kGzipWindow = 15 + 16;  // the largest window, with a gzip header
constexpr int kMemory = 8;            // zlib's default
constexpr size_t kMaxStep = std::numeric_limits<uInt>::max();

}  // namespace

std::optional<std::string> gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string out(std::max<size_t>(1024, text.size() / 8), '\0');
  size_t written = 0;
  int state = Z_OK;
  // zlib counts in 32 bits: longer texts go in steps.
  while (state == Z_OK) {
    if (stream.avail_in == 0 && !text.empty()) {
      const size_t step = std::min(text.size(), kMaxStep);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
      stream.avail_in = static_cast<uInt>(step);
      text.remove_prefix(step);
    }
    if (written == out.size()) {
      out.resize(out.size() * 2);
    }
    const size_t room = std::min(out.size() - written, kMaxStep);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    state = deflate(&stream, text.empty() ? Z_FINISH : Z_NO_FLUSH);
    written += room - stream.avail_out;
  }
  deflateEnd(&stream);
  if (state != Z_STREAM_END) {
    return std::nullopt;
  }
  out.resize(written);
  return out;
}

}  // namespace sonde::prometheus
