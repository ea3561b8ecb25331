// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1 message, line by line: what frames the message, names the server, or is
// asked for by spans; and what follows from it by RFC 9112, section 6.3.
//
// Where that section calls the framing faulty, or receivers are known to disagree (the shapes of
// request smuggling), the message is told as doubtful, by a name.
#pragma once

#include <cstdint>
#include <string_view>

#include "userspace/protocols/protocol.h"

namespace sonde::http1 {

// What makes a message doubtful. The first one found stands.
enum class Doubt : uint8_t {
  kNone,
  kLengthAndCoding,  // both Content-Length and Transfer-Encoding
  kLengthsDiffer,    // several lengths
  kLengthInvalid,    // a length that is no number, or an absurd one
  kCodingUnknown,    // a coding of a request that is not chunked in the end; "identity"
  kCodingRepeated,   // chunked twice
  kCodingInHttp10,   // HTTP/1.0 has no codings
  kSpaceInName,      // a space before the colon of a header that frames
  kFolded,           // a continued line where it might frame: after such a header, or before all
};

// What the lines read so far have told. Places are offsets into the message, which may move between
// calls.
struct HeadLines {
  struct Place {
    uint32_t begin = 0;
    uint32_t size = 0;
  };
  char minor = '1';
  uint16_t status = 0;
  Doubt doubt = Doubt::kNone;
  bool has_length = false;
  bool has_coding = false;
  bool length_unclear = false;  // there is no believing any length or coding
  bool chunked = false;         // the last coding is
  bool other_coding = false;    // one that is neither chunked nor "identity"
  bool asks_leave = false;
  uint32_t count = 0;    // of lines
  uint32_t framing = 0;  // the latest of them that frames
  uint32_t method_length = 0;
  Place target;
  Place host;
  Place user_agent;
  uint64_t content_length = 0;
};

// line: the next line of the message, which is text; not empty, without its end. False: this is no
// head of that side.
bool read_first_line(Side side, std::string_view line, HeadLines& lines);
bool read_header(Side side, std::string_view text, std::string_view line, HeadLines& lines);

// Does a header line like this need reading? Most do not.
inline bool matters(std::string_view line) {
  const auto two = [](int a, int b) { return (a << 8) | b; };
  switch (two(line[0] | 0x20, line.size() > 1 ? line[1] | 0x20 : 0)) {
    case two('c', 'o'):
    case two('e', 'x'):
    case two('h', 'o'):
    case two('t', 'r'):
    case two('u', 's'):
      return true;
    default:
      // Spaces continue a line; control bytes and what is not ASCII begin none.
      return static_cast<uint8_t>(line.front() - '!') > '~' - '!';
  }
}

// All lines are read: tells the message, but for the length of its head. Of a response note must
// be its request's.
void tell_request(HeadLines& lines, std::string_view text, Head& head);
void tell_response(HeadLines& lines, Head& head);

}  // namespace sonde::http1
