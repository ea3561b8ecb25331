// SPDX-License-Identifier: Apache-2.0
// HTTP/1: any bytes on either side, whole and in pieces, must read alike; views stay inside the
// bytes or are static. The first byte chooses the side and the size of the pieces.
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "userspace/protocols/protocol.h"

namespace sonde {
namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// Everything a parser says of a stream that comes in pieces of that many bytes, as text.
std::string read_all(Side side, std::string_view stream, size_t piece) {
  const auto parser = protocols().front().make_parser();
  std::string told;
  size_t at = 0;
  size_t seen = std::min(piece, stream.size());
  for (;;) {
    if (at >= seen && seen >= stream.size()) {
      return told;
    }
    // A copy of exact size: reading beyond it is caught.
    const std::vector<char> bytes(stream.begin() + static_cast<long>(std::min(at, seen)),
                                  stream.begin() + static_cast<long>(seen));
    Bytes in(std::string_view(bytes.data(), bytes.size()));
    const size_t before = in.left();
    Head head;
    uint64_t skip = 0;
    const Step step = in.empty() ? Step::kNeedMore : parser->step(side, in, head, skip);
    require(in.left() <= before);
    at += before - in.left();
    switch (step) {
      case Step::kNeedMore:
        if (seen == stream.size()) {
          return told;
        }
        seen = std::min(seen + piece, stream.size());
        break;
      case Step::kHead:
        require(head.head_bytes > 0 && head.head_bytes <= before);
        for (const std::string_view value : head.values) {
          told.append(value).push_back('|');
        }
        told.append(head.path).append(std::to_string(head.body_bytes)).push_back('\n');
        if (head.length == Length::kUntilEnd || head.length == Length::kUnclear || head.upgrade ||
            head.body_bytes > stream.size()) {
          return told;
        }
        at += head.body_bytes;
        seen = std::max(seen, std::min(at, stream.size()));
        break;
      case Step::kSkip:
        require(before > in.left());
        require(parser->body_bytes(side, skip) <= parser->body_bytes(side, 0));
        if (skip > stream.size()) {
          return told + "beyond";
        }
        at += skip;
        seen = std::max(seen, std::min(at, stream.size()));
        break;
      case Step::kEnd:
        told.append("end ").append(std::to_string(parser->body_bytes(side, 0))).push_back('\n');
        break;
      case Step::kInvalid:
        return told + "invalid";
    }
  }
}

}  // namespace
}  // namespace sonde

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  if (size < 2) {
    return 0;
  }
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const Side side = (data[0] & 0x80) != 0 ? Side::kResponse : Side::kRequest;
  protocols().front().detect(Bytes(stream));
  require(read_all(side, stream, stream.size()) == read_all(side, stream, (data[0] & 0x7fu) + 1));
  return 0;
}
