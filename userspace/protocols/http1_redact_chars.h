// SPDX-License-Identifier: Apache-2.0
// Classes of bytes, as HTTP/1 knows them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sonde::http1_redact {

constexpr bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
constexpr bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }
constexpr bool is_line_end(uint8_t c) { return c == '\r' || c == '\n'; }
constexpr bool is_visible(uint8_t c) { return c > 0x20 && c < 0x7f; }
constexpr uint8_t lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c;
}

// RFC 9110, section 5.6.2.
constexpr auto kIsToken = [] {
  std::array<bool, 256> out{};
  for (int c = 0x21; c < 0x7f; c++) {
    out[static_cast<size_t>(c)] =
        std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) ==
        std::string_view::npos;
  }
  return out;
}();

// What a path is made of, but for what ends it or begins its parameters.
constexpr auto kIsPlainPath = [] {
  std::array<bool, 256> out{};
  for (int c = 0x21; c < 0x7f; c++) {
    out[static_cast<size_t>(c)] =
        std::string_view("?#;=").find(static_cast<char>(c)) == std::string_view::npos;
  }
  return out;
}();

// What names and addresses of hosts are made of, those of IPv6 in their brackets too.
constexpr bool is_host_byte(uint8_t c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '.' || c == '-' || c == '[' ||
         c == ']';
}

constexpr int hex_value(uint8_t c) {
  return is_digit(c) ? c - '0' : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

}  // namespace sonde::http1_redact
