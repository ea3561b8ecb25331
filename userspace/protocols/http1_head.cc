// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_head.h"

#include <algorithm>
#include <array>

#include "userspace/protocols/http1_schema.h"
#include "userspace/protocols/http1_syntax.h"

namespace sonde::http1 {
namespace {

// What a request's answer must know of it.
enum Note : uint8_t { kPlain = 0, kHeadMethod = 1, kConnectMethod = 2 };

// OpenTelemetry: these as they stand; any other token is "_OTHER", so that a client cannot invent
// label values.
constexpr std::array<std::string_view, 10> kMethods = {
    "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "QUERY"};

constexpr std::array<std::string_view, 9> kDoubtNames = {
    "",
    "length_and_coding",
    "lengths_differ",
    "length_invalid",
    "coding_unknown",
    "coding_repeated",
    "coding_in_http_1.0",
    "space_in_name",
    "folded",
};

// "100101102...999", so that a status is a view that outlives the bytes it was read from.
constexpr auto kStatusText = [] {
  std::array<char, size_t{900} * 3> text{};
  for (size_t i = 0; i < 900; ++i) {
    text[i * 3] = static_cast<char>('1' + i / 100);
    text[i * 3 + 1] = static_cast<char>('0' + i / 10 % 10);
    text[i * 3 + 2] = static_cast<char>('0' + i % 10);
  }
  return text;
}();

HeadLines::Place place_of(std::string_view part, std::string_view whole) {
  return {static_cast<uint32_t>(part.data() - whole.data()), static_cast<uint32_t>(part.size())};
}

std::string_view at(HeadLines::Place place, std::string_view text) {
  return text.substr(place.begin, place.size);
}

void doubt(HeadLines& lines, Doubt what, bool length_unclear) {
  if (lines.doubt == Doubt::kNone) {
    lines.doubt = what;
  }
  lines.length_unclear |= length_unclear;
}

void read_length(std::string_view value, HeadLines& lines) {
  uint64_t length = 0;
  if (!parse_length(value, length)) {
    doubt(lines, Doubt::kLengthInvalid, true);
  } else if (lines.has_length && length != lines.content_length) {
    doubt(lines, Doubt::kLengthsDiffer, true);
  }
  lines.has_length = true;
  lines.content_length = length;
}

// Several headers are one list.
void read_codings(std::string_view value, HeadLines& lines) {
  lines.has_coding = true;
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    const std::string_view coding = trim(value.substr(0, comma));
    value.remove_prefix(std::min(comma + 1, value.size()));
    if (coding.empty()) {
      continue;  // RFC 9110, section 5.6.1.2
    }
    const bool chunked = equals_ignoring_case(coding, "chunked");
    if (chunked && lines.chunked) {
      doubt(lines, Doubt::kCodingRepeated, true);
    }
    lines.chunked = chunked;
    lines.other_coding |= !chunked && !equals_ignoring_case(coding, "identity");
  }
}

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
  split_authority(authority, head.values[kAddress], head.values[kPort]);
}

// RFC 9112, section 3.2: the host of an absolute target wins over the header.
void set_target(std::string_view target, Head& head) {
  bool https = false;
  if (head.note == kConnectMethod) {
    set_server(target, head);
    return;
  }
  if (target.front() != '/') {
    set_server(take_origin(target, https), head);
    head.values[kScheme] = https ? "https" : "http";
  }
  split_query(target, head.path, head.values[kQuery]);
  if (head.path.empty()) {
    head.path = "/";  // "http://host", "http://host?query"
  }
}

// True: the line counts for nothing. A server must refuse such a request, a client may read such an
// answer as if the space were not there (RFC 9112, section 5.1).
bool refuse_spaced(Side side, bool spaced, HeadLines& lines) {
  const bool refused = spaced && side == Side::kRequest;
  if (spaced) {
    doubt(lines, Doubt::kSpaceInName, refused);
  }
  return refused;
}

void judge_codings(HeadLines& lines) {
  if (!lines.has_coding) {
    return;
  }
  if (lines.minor == '0') {
    doubt(lines, Doubt::kCodingInHttp10, true);  // RFC 9112, section 6.1
  }
  if (lines.has_length) {
    doubt(lines, Doubt::kLengthAndCoding, false);
  }
}

void set_doubt(Doubt what, Head& head) {
  head.doubtful = what != Doubt::kNone;
  head.values[kFraming] = kDoubtNames[static_cast<size_t>(what)];
}

}  // namespace

bool read_first_line(Side side, std::string_view line, HeadLines& lines) {
  if (side == Side::kResponse) {
    StatusLine status;
    const bool sound = split_status_line(line, status);
    lines.status = status.status;
    lines.minor = status.minor;
    return sound;
  }
  RequestLine request;
  if (!split_request_line(line, request)) {
    return false;
  }
  lines.minor = request.minor;
  lines.method_length = static_cast<uint32_t>(request.method.size());
  lines.target = place_of(request.target, line);
  return true;
}

bool read_header(Side side, std::string_view text, std::string_view line, HeadLines& lines) {
  const char first = line.front();
  if (first == ' ' || first == '\t') {
    if (lines.count == 2 || lines.framing + 1 == lines.count) {
      doubt(lines, Doubt::kFolded, true);
      lines.framing = lines.count;
    }
    return true;
  }
  // A line that could be of any other protocol shows here that it is, at the latest.
  if (lines.count == 2 && !is_any_header(line)) {
    return false;
  }
  std::string_view value;
  bool spaced = false;
  switch (first | 0x20) {
    case 'c':
      if (is_header(line, "content-length", value, spaced)) {
        lines.framing = lines.count;
        if (!refuse_spaced(side, spaced, lines)) {
          read_length(value, lines);
        }
      }
      return true;
    case 't':
      if (is_header(line, "transfer-encoding", value, spaced)) {
        lines.framing = lines.count;
        if (!refuse_spaced(side, spaced, lines)) {
          read_codings(value, lines);
        }
      }
      return true;
    case 'e':
      if (is_header(line, "expect", value, spaced)) {
        lines.asks_leave |= equals_ignoring_case(value, "100-continue");
      }
      return true;
    case 'h':
      if (lines.host.size == 0 && is_header(line, "host", value, spaced)) {
        lines.host = place_of(value, text);
      }
      return true;
    case 'u':
      if (lines.user_agent.size == 0 && is_header(line, "user-agent", value, spaced)) {
        lines.user_agent = place_of(value, text);
      }
      return true;
    default:
      return static_cast<uint8_t>(first) > ' ' && static_cast<uint8_t>(first) < 0x7f;
  }
}

void tell_request(HeadLines& lines, std::string_view text, Head& head) {
  set_method(text.substr(0, lines.method_length), head);
  head.values[kVersion] = lines.minor == '0' ? "1.0" : "1.1";
  head.values[kScheme] = "http";
  head.values[kUserAgent] = at(lines.user_agent, text);
  set_target(at(lines.target, text), head);
  if (head.values[kAddress].empty()) {
    set_server(at(lines.host, text), head);
  }
  judge_codings(lines);
  if (lines.has_coding && !lines.chunked) {
    doubt(lines, Doubt::kCodingUnknown, true);
  }
  set_doubt(lines.doubt, head);
  head.asks_leave = lines.asks_leave && lines.minor != '0';
  head.length = lines.length_unclear ? Length::kUnclear
                : lines.has_coding   ? Length::kFramed
                                     : Length::kKnown;
  head.body_bytes = head.length == Length::kKnown ? lines.content_length : 0;
}

void tell_response(HeadLines& lines, Head& head) {
  const uint16_t status = lines.status;
  const bool tunnel = head.note == kConnectMethod && status / 100 == 2;
  const bool empty =
      status < 200 || status == 204 || status == 304 || head.note == kHeadMethod || tunnel;
  head.values[kStatus] = std::string_view(&kStatusText[(status - size_t{100}) * 3], 3);
  head.upgrade = status == 101 || tunnel;
  head.interim = status < 200 && status != 101;
  head.gives_leave = status == 100;
  head.server_failed = status >= 500;
  head.client_failed = status >= 400;
  if (head.client_failed) {
    head.values[kError] = head.values[kStatus];
  }
  head.body_bytes = 0;
  head.length = Length::kKnown;
  if (empty) {
    return;  // whatever its lines say
  }
  judge_codings(lines);
  const bool identity = lines.has_coding && !lines.chunked && !lines.other_coding;
  if (identity && lines.has_length) {
    doubt(lines, Doubt::kCodingUnknown, false);
  }
  set_doubt(lines.doubt, head);
  if (lines.length_unclear) {
    head.length = Length::kUnclear;
  } else if (lines.has_coding && lines.chunked) {
    head.length = Length::kFramed;
  } else if (!lines.has_length || lines.other_coding) {
    head.length = Length::kUntilEnd;
  } else {
    head.body_bytes = lines.content_length;
  }
}

}  // namespace sonde::http1
