// SPDX-License-Identifier: Apache-2.0
// HTTP/1.0 and HTTP/1.1 (RFC 9112), read as leniently as servers in the field do. Of the header
// only what frames the message or names the server is looked at. Whatever does not frame is not
// judged.
#include <algorithm>
#include <cstring>

#include "userspace/protocols/http1_syntax.h"
#include "userspace/protocols/protocol.h"

namespace sonde {
namespace {

using namespace http1;  // NOLINT(google-build-using-namespace): the other half of this file

constexpr uint32_t kMaxHead =
    66 * 1024;  // 64 KiB of header and its first line; a longer head is none
constexpr uint32_t kMaxFramingLine =
    4096;  // a chunk's size line with its extensions; all trailers together: kMaxHead

enum : size_t {
  kMethod,
  kStatus,
  kScheme,
  kRoute,
  kAddress,
  kPort,
  kError,
  kVersion,
  kMethodOriginal,
  kAttributes
};

constexpr std::array<Attribute, kAttributes> kAttributeList = {{
    {"http.request.method"},
    {"http.response.status_code"},
    {"url.scheme"},
    {"http.route"},
    {"server.address"},
    {"server.port"},
    {"error.type"},
    {"network.protocol.version", false, false},
    {"http.request.method_original", false, false},
}};

constexpr Schema kSchema = {
    .name = "http",
    .attributes = kAttributeList,
    .duration = {"http.server.request.duration", "http.client.request.duration",
                 "Duration of HTTP requests, first byte of the request to last byte of the answer"},
    .request_size = {"http.server.request.body.size", "http.client.request.body.size",
                     "Size of HTTP request bodies, without framing"},
    .response_size = {"http.server.response.body.size", "http.client.response.body.size",
                      "Size of HTTP response bodies, without framing"},
    .route_attribute = kRoute,
    .error_attribute = kError,
    .address_attribute = kAddress,
    .port_attribute = kPort,
};

// What a request's answer must know of it.
enum Note : uint8_t { kPlain = 0, kHeadMethod = 1, kConnectMethod = 2 };

// OpenTelemetry: these as they stand; any other token is "_OTHER", so that a client cannot invent
// label values.
constexpr std::array<std::string_view, 10> kMethods = {
    "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "QUERY"};

// "100101102...999", so that a status is a view that outlives the bytes it was read from.
constexpr auto kStatusText = [] {
  std::array<char, 900 * 3> text{};
  for (size_t i = 0; i < 900; ++i) {
    text[i * 3] = static_cast<char>('1' + i / 100);
    text[i * 3 + 1] = static_cast<char>('0' + i / 10 % 10);
    text[i * 3 + 2] = static_cast<char>('0' + i % 10);
  }
  return text;
}();

void set_method(std::string_view method, Head& head) {
  for (const std::string_view known : kMethods) {
    if (method == known) {
      head.values[kMethod] = known;
      head.note = known == "HEAD" ? kHeadMethod : known == "CONNECT" ? kConnectMethod : kPlain;
      return;
    }
  }
  head.values[kMethod] = "_OTHER";
  head.values[kMethodOriginal] = method;
  head.note = kPlain;
}

void set_server(std::string_view authority, Head& head) {
  const Authority server = split_authority(authority);
  head.values[kAddress] = server.name;
  head.values[kPort] = server.port;
}

// What has been read of one side's current message. Places are offsets into `in`, which may move
// between calls.
struct Reading {
  enum class Part : uint8_t { kHead, kChunkSize, kTrailers };
  Part part = Part::kHead;
  bool has_length = false;
  bool chunked = false;
  bool other_coding = false;  // a transfer coding that only the end of the stream ends
  char minor = '1';
  uint16_t status = 0;
  uint32_t line = 0;      // where the current line begins
  uint32_t searched = 0;  // up to here there is no line end
  uint32_t target = 0;
  uint32_t target_length = 0;
  uint32_t method_length = 0;
  uint32_t host = 0;
  uint32_t host_length = 0;
  uint32_t trailers = 0;  // their bytes so far
  uint64_t content_length = 0;
  uint64_t body = 0;  // chunk data so far
};

uint32_t offset(std::string_view part, std::string_view whole) {
  return static_cast<uint32_t>(part.data() - whole.data());
}

// Takes the next line, without its end; false: it is not whole yet.
bool next_line(Reading& reading, std::string_view text, std::string_view& line) {
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

bool read_first_line(Side side, Reading& reading, std::string_view line) {
  if (side == Side::kResponse) {
    StatusLine status;
    const bool sound = split_status_line(line, status);
    reading.status = status.status;
    reading.minor = status.minor;
    return sound;
  }
  RequestLine request;
  if (!split_request_line(line, request)) {
    return false;
  }
  reading.minor = request.minor;
  reading.method_length = static_cast<uint32_t>(request.method.size());
  reading.target = offset(request.target, line);
  reading.target_length = static_cast<uint32_t>(request.target.size());
  return true;
}

void read_coding(Reading& reading, std::string_view value) {
  const std::string_view last = trim(value.substr(value.rfind(',') + 1));
  if (equals_ignoring_case(last, "chunked")) {
    reading.chunked = true;
  } else if (!equals_ignoring_case(last, "identity")) {
    reading.other_coding = true;
  }
}

// False: the framing contradicts itself.
bool read_header(Reading& reading, std::string_view text, std::string_view line) {
  std::string_view value;
  switch (line.front() | 0x20) {
    case 'h':
      if (reading.host_length == 0 && is_header(line, "host", value)) {
        reading.host = offset(value, text);
        reading.host_length = static_cast<uint32_t>(value.size());
      }
      return true;
    case 'c':
      if (is_header(line, "content-length", value)) {
        uint64_t length = 0;
        if (!parse_length(value, length) ||
            (reading.has_length && reading.content_length != length)) {
          return false;
        }
        reading.has_length = true;
        reading.content_length = length;
      }
      return true;
    case 't':
      if (is_header(line, "transfer-encoding", value)) {
        read_coding(reading, value);
      }
      return true;
    default:
      return true;
  }
}

// False: there is no telling where it ends.
bool tell_request(const Reading& reading, std::string_view text, Head& head) {
  set_method(text.substr(0, reading.method_length), head);
  head.values[kVersion] = reading.minor == '0' ? "1.0" : "1.1";
  head.values[kScheme] = "http";
  const std::string_view target = text.substr(reading.target, reading.target_length);
  if (head.note == kConnectMethod) {
    set_server(target, head);
  } else {
    const Target parts = split_target(target);
    head.values[kScheme] = parts.https ? "https" : "http";
    head.path = parts.path;
    set_server(parts.authority, head);
  }
  if (head.values[kAddress].empty()) {
    set_server(text.substr(reading.host, reading.host_length), head);
  }
  head.length = reading.chunked ? Length::kFramed : Length::kKnown;
  head.body_bytes = reading.content_length;
  return reading.chunked || !reading.other_coding;
}

void tell_response(const Reading& reading, Head& head) {
  const uint16_t status = reading.status;
  const bool tunnel = head.note == kConnectMethod && status / 100 == 2;
  const bool empty =
      status < 200 || status == 204 || status == 304 || head.note == kHeadMethod || tunnel;
  head.values[kStatus] = std::string_view(&kStatusText[(status - 100u) * 3], 3);
  head.upgrade = status == 101 || tunnel;
  head.interim = status < 200 && status != 101;
  head.server_failed = status >= 500;
  head.client_failed = status >= 400;
  if (head.client_failed) {
    head.values[kError] = head.values[kStatus];
  }
  if (!empty && reading.chunked) {
    head.length = Length::kFramed;
  } else if (!empty && (reading.other_coding || !reading.has_length)) {
    head.length = Length::kUntilEnd;
  } else {
    head.length = Length::kKnown;
    head.body_bytes = empty ? 0 : reading.content_length;
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
  for (;;) {
    const bool first = reading.line == 0;
    std::string_view line;
    if (!next_line(reading, text, line)) {
      const bool plausible = !first || (side == Side::kRequest ? may_become_request_line(text)
                                                               : may_become_status_line(text));
      return plausible && text.size() < kMaxHead ? Step::kNeedMore : Step::kInvalid;
    }
    if (!first && line.empty()) {
      break;
    }
    if (!(first ? read_first_line(side, reading, line) : read_header(reading, text, line))) {
      return Step::kInvalid;
    }
  }
  if (side == Side::kResponse) {
    tell_response(reading, head);
  } else if (!tell_request(reading, text, head)) {
    return Step::kInvalid;
  }
  head.head_bytes = reading.line;
  in.skip(reading.line);
  reading.line = reading.searched = 0;
  if (head.length == Length::kFramed) {
    reading.part = Reading::Part::kChunkSize;
  }
  return Step::kHead;
}

// The frame of a chunked body: size lines, and after the last chunk the trailers.
Step read_framing(Reading& reading, Bytes& in, uint64_t& skip) {
  for (;;) {
    const std::string_view text = in.text().substr(0, kMaxFramingLine);
    std::string_view line;
    if (!next_line(reading, text, line)) {
      return text.size() < kMaxFramingLine ? Step::kNeedMore : Step::kInvalid;
    }
    const uint32_t consumed = reading.line;
    in.skip(consumed);
    reading.line = reading.searched = 0;
    if (reading.part == Reading::Part::kTrailers) {
      reading.trailers += consumed;
      if (line.empty()) {
        reading.part = Reading::Part::kHead;
        return Step::kEnd;
      }
      if (reading.trailers > kMaxHead) {
        return Step::kInvalid;
      }
      continue;
    }
    uint64_t size = 0;
    if (!parse_chunk_size(line, size) || reading.body + size > kMaxBody) {
      return Step::kInvalid;
    }
    if (size == 0) {
      reading.part = Reading::Part::kTrailers;
      continue;
    }
    reading.body += size;
    const bool bare_line_feed = line.size() + 1 == consumed;
    skip = size + (bare_line_feed ? 1 : 2);  // the line end behind the data
    return Step::kSkip;
  }
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
        !read_first_line(Side::kResponse, reading, line)) {
      return false;
    }
    tell_response(reading, head);
    return true;
  }

  uint64_t body_bytes(Side side) const override {
    return readings_[static_cast<size_t>(side)].body;
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
