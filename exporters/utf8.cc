// SPDX-License-Identifier: Apache-2.0
#include "exporters/utf8.h"

#include <algorithm>
#include <cstdint>

namespace sonde {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// ASCII but NUL.
bool is_plain(char c) { return c != 0 && static_cast<uint8_t>(c) < 0x80; }
bool is_tail(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// The length of the well-formed sequence that text begins with; 0: none (Unicode, table 3-7).
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const int first = byte(0);
  const int second = byte(1);
  if (first >= 0xC2 && first <= 0xDF) {
    return text.size() > 1 && is_tail(text[1]) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const int low = first == 0xE0 ? 0xA0 : 0x80;
    const int high = first == 0xED ? 0x9F : 0xBF;
    return text.size() > 2 && second >= low && second <= high && is_tail(text[2]) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const int low = first == 0xF0 ? 0x90 : 0x80;
    const int high = first == 0xF4 ? 0x8F : 0xBF;
    return text.size() > 3 && second >= low && second <= high && is_tail(text[2]) &&
                   is_tail(text[3])
               ? 4
               : 0;
  }
  return 0;
}

}  // namespace

void append_utf8(std::string_view text, std::string& out) {
  while (true) {
    const auto plain = static_cast<size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) {
      return;
    }
    const size_t length = sequence_length(text);
    out += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
}

}  // namespace sonde
