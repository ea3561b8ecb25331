// SPDX-License-Identifier: Apache-2.0
// Request heads as the web server takes them: HTTP/1.0 and 1.1 (RFC 9112), strict where laxness
// helps nobody but an attacker. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "exporters/http.h"

namespace sonde::web {

inline constexpr size_t kMaxHeadBytes = 8192;
inline constexpr size_t kMaxHeaders = 64;

enum class Parsed : uint8_t {
  kNeedMore,
  kOk,
  kBad,                 // 400: no HTTP, or none that could be understood in one way only
  kTooLarge,            // 431: longer than kMaxHeadBytes, or more than kMaxHeaders
  kUnsupportedVersion,  // 505
};

// Views borrow from the bytes that were parsed (a path that the target leaves out is a constant).
struct RequestHead {
  std::string_view method;
  std::string_view path;  // of the target, without query; absolute-form has its authority removed
  std::string_view query;
  std::vector<HttpHeader> headers;
  bool is_1_1 = false;  // else 1.0
  bool keep_alive = false;
  bool has_body = false;  // a body is announced
  size_t size = 0;        // bytes of the head, its end included
};

// Parses the head that bytes begin with. head is filled with kOk only.
Parsed parse_head(std::string_view bytes, RequestHead& head);

}  // namespace sonde::web
