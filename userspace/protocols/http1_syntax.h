// SPDX-License-Identifier: Apache-2.0
// The lines of HTTP/1 as text: start lines, targets, authorities, header fields (RFC 9110, 9112).
// Pure functions; what they return borrows from what they are given.
#pragma once

#include <cstdint>
#include <string_view>

namespace sonde::http1 {

constexpr uint64_t kMaxBody =
    1ull << 62;  // a larger number is no size: sums with positions must not wrap

struct RequestLine {
  std::string_view method;
  std::string_view target;  // not empty
  char minor = '1';         // of "HTTP/1.x"
};

// line: without its end. False: it is no request line.
bool split_request_line(std::string_view line, RequestLine& out);

// Could more bytes make a request line, or a status line, of this beginning (not empty)? Junk is
// told by its first bytes, so that it is not collected as a head.
bool may_become_request_line(std::string_view text);
bool may_become_status_line(std::string_view text);

struct StatusLine {
  uint16_t status = 0;  // 100 to 999
  char minor = '1';
};

bool split_status_line(std::string_view line, StatusLine& out);

// Empty: not said, or not sayable (too long, not printable).
struct Authority {
  std::string_view name;  // without the brackets of an IPv6 address
  std::string_view port;
};

// "host", "host:port" or "[v6]:port".
Authority split_authority(std::string_view text);

struct Target {
  bool https = false;
  std::string_view authority;  // of an absolute target, without user and password; else empty
  std::string_view path;       // without query
};

// target: not empty.
Target split_target(std::string_view target);

// Is this header line of that name (lower case)? Then its value, trimmed.
bool is_header(std::string_view line, std::string_view name, std::string_view& value);

// A number, or the same number several times ("5, 5": what a proxy makes of two headers).
bool parse_length(std::string_view value, uint64_t& out);

// "1a", "1A ; extension".
bool parse_chunk_size(std::string_view line, uint64_t& out);

// name: lower case.
bool equals_ignoring_case(std::string_view text, std::string_view name);

std::string_view trim(std::string_view text);

}  // namespace sonde::http1
