// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/label_value.h"

#include <cstdint>

namespace sonde {
namespace {

bool continues(unsigned char c) { return (c & 0xC0) == 0x80; }

// Length of the well-formed UTF-8 character that text begins with (RFC 3629, section 4); 0: there
// is none.
size_t character_length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return text.size() >= 2 && continues(at(1)) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    if (text.size() < 3 || !continues(at(1)) || !continues(at(2))) {
      return 0;
    }
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (text.size() < 4 || !continues(at(1)) || !continues(at(2)) || !continues(at(3))) {
      return 0;
    }
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool beyond = first == 0xF4 && at(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

void append_escaped(unsigned char byte, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

bool append_label_value(std::string_view raw, std::string& out) {
  const size_t start = out.size();
  size_t cut_at = start;  // the last place where the marker would still fit
  while (!raw.empty()) {
    const auto first = static_cast<unsigned char>(raw[0]);
    const bool control = first < 0x20 || first == 0x7F;
    const size_t length = control ? 0 : character_length(raw);
    if (length == 0) {
      append_escaped(first, out);
      raw.remove_prefix(1);
    } else {
      out.append(raw.substr(0, length));
      raw.remove_prefix(length);
    }
    const size_t size = out.size() - start;
    if (size > kMaxLabelBytes) {
      out.resize(cut_at);
      out += kCutMarker;
      return true;
    }
    if (size <= kMaxLabelBytes - kCutMarker.size()) {
      cut_at = out.size();
    }
  }
  return false;
}

}  // namespace sonde
