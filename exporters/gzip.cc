// SPDX-License-Identifier: Apache-2.0
#include "exporters/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace sonde {
namespace {

// A scrape's text repeats itself: the cheapest level makes a tenth of it already.
constexpr int kLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // the largest window, with a gzip header
constexpr int kMemory = 8;            // zlib's default
constexpr size_t kMaxStep = std::numeric_limits<uInt>::max();

}  // namespace

struct GzipStream::State {
  z_stream stream{};
  bool good = false;
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {
  state_->good = deflateInit2(&state_->stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory,
                              Z_DEFAULT_STRATEGY) == Z_OK;
}

GzipStream::~GzipStream() { deflateEnd(&state_->stream); }

bool GzipStream::add(std::string_view text, bool last, std::string& out) {
  if (!state_->good) {
    return false;
  }
  z_stream& stream = state_->stream;
  std::array<char, 16384> room;
  // zlib counts in 32 bits: longer texts go in steps.
  do {
    const size_t step = std::min(text.size(), kMaxStep);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(step);
    text.remove_prefix(step);
    const bool finish = last && text.empty();
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      if (deflate(&stream, finish ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR) {
        state_->good = false;
        return false;
      }
      out.append(room.data(), room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (!text.empty());
  return true;
}

}  // namespace sonde
