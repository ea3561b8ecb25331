// SPDX-License-Identifier: Apache-2.0
#include "exporters/gunzip.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace sonde {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, with a gzip header

class Inflation {
 public:
  Inflation() : good_(inflateInit2(&stream_, kGzipWindow) == Z_OK) {}
  ~Inflation() { inflateEnd(&stream_); }
  Inflation(const Inflation&) = delete;
  Inflation& operator=(const Inflation&) = delete;

  // One member, from where bytes begins to behind its end.
  Result<> add(std::string_view& bytes, size_t most, std::string& out) {
    if (!good_ || inflateReset(&stream_) != Z_OK) {
      return fail("no memory to unpack it");
    }
    std::array<char, 65536> room;
    int state = Z_OK;
    while (state != Z_STREAM_END) {
      // zlib counts in 32 bits.
      const auto step =
          static_cast<uInt>(std::min<size_t>(bytes.size(), std::numeric_limits<uInt>::max()));
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = step;
      stream_.next_out = reinterpret_cast<Bytef*>(room.data());
      stream_.avail_out = static_cast<uInt>(room.size());
      state = inflate(&stream_, Z_NO_FLUSH);
      bytes.remove_prefix(step - stream_.avail_in);
      const size_t made = room.size() - stream_.avail_out;
      if (state != Z_OK && state != Z_STREAM_END) {
        return fail(state == Z_BUF_ERROR ? "it is cut short" : "it is no gzip file, or damaged");
      }
      if (out.size() + made > most) {
        return fail(fmt::format("it holds more than {} MiB", most >> 20));
      }
      out.append(room.data(), made);
    }
    return {};
  }

 private:
  z_stream stream_{};
  bool good_;
};

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

Result<std::string> gunzip(std::string_view bytes, size_t most) {
  Inflation inflation;
  std::string out;
  do {
    if (auto added = inflation.add(bytes, most, out); !added) {
      return std::unexpected(added.error());
    }
  } while (!bytes.empty());
  return out;
}

}  // namespace sonde
