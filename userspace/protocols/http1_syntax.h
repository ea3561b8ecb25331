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

// "host", "host:port" or "[v6]:port": the name, without the brackets of an IPv6 address, and the
// port, from 1 to 65535. Empty: not said, or not what it should be; a host is a name or an address
// (RFC 3986, section 3.2.2), in the characters that are in use for them.
void split_authority(std::string_view text, std::string_view& name, std::string_view& port);

// Takes "http://authority" or "https://authority" off a target, and gives the authority, without
// user and password. Empty: there is none.
std::string_view take_origin(std::string_view& target, bool& https);

// What remains: path, and query without its question mark.
void split_query(std::string_view target, std::string_view& path, std::string_view& query);

// Is this header line of that name (lower case)? Then its value, trimmed; spaced: there are spaces
// before the colon.
bool is_header(std::string_view line, std::string_view name, std::string_view& value, bool& spaced);

// Is it a header line at all: a token and a colon, spaces between them forgiven?
bool is_any_header(std::string_view line);

// A number, or the same number several times ("5, 5": what a proxy makes of two headers).
bool parse_length(std::string_view value, uint64_t& out);

// "1a", "1A ; extension".
bool parse_chunk_size(std::string_view line, uint64_t& out);

// name: lower case.
bool equals_ignoring_case(std::string_view text, std::string_view name);

std::string_view trim(std::string_view text);

}  // namespace sonde::http1
