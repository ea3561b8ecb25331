// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/printable.h"

#include <cstdint>

namespace sonde {
namespace {

// Bytes of the character that begins here (RFC 3629); 0: none does.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const size_t length = first >= 0xc2 && first < 0xe0   ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  // Longer than needed, halves of UTF-16 pairs, beyond the last character; and the C1 control
  // characters.
  const uint8_t second = byte(1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90) ||
                     (first == 0xc2 && second < 0xa0);
  return wrong ? 0 : length;
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const size_t length = character_length(text);
    const bool control = length == 1 && (static_cast<uint8_t>(text[0]) < 0x20 || text[0] == 0x7f);
    const size_t used = length == 0 ? 1 : length;
    if (out.size() + used > max_bytes) {
      break;
    }
    if (length == 0 || control) {
      out += '_';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(used);
  }
  return out;
}

}  // namespace sonde
