// SPDX-License-Identifier: Apache-2.0
// HTTP/1.0 and HTTP/1.1 (RFC 9112), read as leniently as servers in the field do, but for what
// frames a message: there leniency is what request smuggling lives on, so that whatever is doubtful
// is told so (http1_head.h), and whatever is no chunk is none.
#include <algorithm>
#include <cstring>

#include "userspace/protocols/http1_head.h"
#include "userspace/protocols/http1_schema.h"
#include "userspace/protocols/http1_syntax.h"
#include "userspace/protocols/protocol.h"

namespace sonde {
namespace {

using namespace http1;  // NOLINT(google-build-using-namespace): the other half of this file

constexpr uint32_t kMaxHead =
    66 * 1024;  // 64 KiB of header and its first line; a longer head is none
constexpr uint32_t kMaxFramingLine =
    4096;  // a chunk's size line with its extensions; all trailers together: kMaxHead
constexpr uint64_t kChunkEnd = 2;  // the line end behind a chunk's data

// What has been read of one side's current message. Places are offsets into `in`, which may move
// between calls.
struct Reading {
  enum class Part : uint8_t { kHead, kChunkSize, kTrailers };
  Part part = Part::kHead;
  uint32_t line = 0;      // where the current line begins
  uint32_t searched = 0;  // up to here there is no line end
  uint32_t trailers = 0;  // their bytes so far
  uint64_t body = 0;      // chunk data so far
  HeadLines head;
};

// Takes the next line, without its end; false: it is not whole yet. A bare line feed ends lines as
// well (RFC 9112, section 2.2).
[[gnu::always_inline]] inline bool next_line(Reading& reading, std::string_view text,
                                             std::string_view& line) {
  const void* end =
      std::memchr(text.data() + reading.searched, '\n', text.size() - reading.searched);
  if (end == nullptr) {
    reading.searched = static_cast<uint32_t>(text.size());
    return false;
  }
  const auto at = static_cast<uint32_t>(static_cast<const char*>(end) - text.data());
  line = text.substr(reading.line, at - reading.line);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  reading.line = reading.searched = at + 1;
  return true;
}

// Empty lines before a message: some clients end a body with one too many.
void skip_empty_lines(Bytes& in) {
  while (!in.empty() && (*in.data() == '\r' || *in.data() == '\n')) {
    in.skip(1);
  }
}

Step read_head(Side side, Reading& reading, Bytes& in, Head& head) {
  if (reading.searched == 0) {
    skip_empty_lines(in);
    if (in.empty()) {
      return Step::kNeedMore;
    }
    reading = {};
  }
  const std::string_view text = in.text().substr(0, kMaxHead);
  HeadLines& lines = reading.head;
  for (;;) {
    std::string_view line;
    if (!next_line(reading, text, line)) {
      const bool plausible = lines.count != 0         ? true
                             : side == Side::kRequest ? may_become_request_line(text)
                                                      : may_become_status_line(text);
      return plausible && text.size() < kMaxHead ? Step::kNeedMore : Step::kInvalid;
    }
    if (lines.count != 0 && line.empty()) {
      break;
    }
    ++lines.count;
    const bool sound = lines.count == 1                    ? read_first_line(side, line, lines)
                       : lines.count == 2 || matters(line) ? read_header(side, text, line, lines)
                                                           : true;
    if (!sound) {
      return Step::kInvalid;
    }
  }
  if (side == Side::kResponse) {
    tell_response(lines, head);
  } else {
    tell_request(lines, text, head);
  }
  head.head_bytes = reading.line;
  in.skip(reading.line);
  reading.line = reading.searched = 0;
  if (head.length == Length::kFramed) {
    reading.part = Reading::Part::kChunkSize;
  }
  return Step::kHead;
}

// A line of a chunked body's frame. A bare line feed does not end the line of a size: receivers
// that disagree there can be made to see different messages.
Step read_framing_line(Reading& reading, std::string_view line, bool bare, uint64_t& skip) {
  if (reading.part == Reading::Part::kTrailers) {
    if (line.empty()) {
      reading.part = Reading::Part::kHead;
      return Step::kEnd;
    }
    const bool folded = line.front() == ' ' || line.front() == '\t';
    return reading.trailers <= kMaxHead && (folded || is_any_header(line)) ? Step::kNeedMore
                                                                           : Step::kInvalid;
  }
  uint64_t size = 0;
  if (bare || !parse_chunk_size(line, size) || reading.body + size > kMaxBody) {
    return Step::kInvalid;
  }
  if (size == 0) {
    reading.part = Reading::Part::kTrailers;
    return Step::kNeedMore;
  }
  reading.body += size;
  skip = size + kChunkEnd;
  return Step::kSkip;
}

// The frame of a chunked body: size lines, and after the last chunk the trailers.
Step read_framing(Reading& reading, Bytes& in, uint64_t& skip) {
  Step step = Step::kNeedMore;
  while (step == Step::kNeedMore) {
    const std::string_view text = in.text().substr(0, kMaxFramingLine);
    std::string_view line;
    if (!next_line(reading, text, line)) {
      return text.size() < kMaxFramingLine ? Step::kNeedMore : Step::kInvalid;
    }
    const uint32_t consumed = reading.line;
    in.skip(consumed);
    reading.line = reading.searched = 0;
    reading.trailers += reading.part == Reading::Part::kTrailers ? consumed : 0;
    step = read_framing_line(reading, line, line.size() + 1 == consumed, skip);
  }
  return step;
}

class Http1 final : public Parser {
 public:
  Step step(Side side, Bytes& in, Head& head, uint64_t& skip) override {
    Reading& reading = readings_[static_cast<size_t>(side)];
    const Step result = reading.part == Reading::Part::kHead ? read_head(side, reading, in, head)
                                                             : read_framing(reading, in, skip);
    if (result == Step::kInvalid) {
      reading = {};
    }
    return result;
  }

  bool cut_response(Bytes seen, Head& head) const override {
    skip_empty_lines(seen);
    Reading reading;
    std::string_view line;
    if (!next_line(reading, seen.text(), line) ||
        !read_first_line(Side::kResponse, line, reading.head)) {
      return false;
    }
    tell_response(reading.head, head);
    return true;
  }

  uint64_t body_bytes(Side side, uint64_t unmoved) const override {
    const uint64_t body = readings_[static_cast<size_t>(side)].body;
    return body - std::min(body, unmoved - std::min(unmoved, kChunkEnd));
  }
  void reset(Side side) override { readings_[static_cast<size_t>(side)] = {}; }

 private:
  std::array<Reading, 2> readings_;
};

// Sure only when the request line is whole: "GET x" also begins other protocols.
Verdict detect(Bytes first) {
  skip_empty_lines(first);
  const std::string_view text = first.text();
  Reading reading;
  std::string_view line;
  if (text.empty()) {
    return Verdict::kMaybe;
  }
  if (next_line(reading, text, line)) {
    RequestLine request;
    return split_request_line(line, request) ? Verdict::kYes : Verdict::kNo;
  }
  return text.size() < kMaxHead && may_become_request_line(text) ? Verdict::kMaybe : Verdict::kNo;
}

}  // namespace

extern const Protocol kHttp1;
const Protocol kHttp1 = {
    .schema = &kSchema,
    .detect = detect,
    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<Http1>()); },
};

}  // namespace sonde
