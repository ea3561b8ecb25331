// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/response.h"

#include <fmt/core.h>

#include <ctime>
#include <string_view>

namespace sonde::web {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

// RFC 9110, section 5.6.7; written by hand because strftime speaks the locale's language.
std::string http_date(uint64_t wall_ns) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(wall_ns / 1'000'000'000);
  tm t{};
  gmtime_r(&seconds, &t);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[t.tm_wday], t.tm_mday,
                     kMonths[t.tm_mon], 1900 + t.tm_year, t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace

std::string response_head(const HttpResponse& response, Framing framing, bool keep_alive,
                          uint64_t wall_ns) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
  append_header(out, "Date", http_date(wall_ns));
  append_header(out, "Content-Type", response.content_type);
  if (framing == Framing::kLength) {
    append_header(out, "Content-Length",
                  std::to_string(response.body == nullptr ? 0 : response.body->size()));
  } else if (framing == Framing::kChunked) {
    append_header(out, "Transfer-Encoding", "chunked");
  }
  append_header(out, "Cache-Control", "no-store");
  append_header(out, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) {
    append_header(out, name, value);
  }
  append_header(out, "Connection", keep_alive ? "keep-alive" : "close");
  out += "\r\n";
  return out;
}

}  // namespace sonde::web
