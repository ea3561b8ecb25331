// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/json_strings.h"

namespace sonde {
namespace {

int digit_of(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// A character as UTF-8 (RFC 3629); halves of UTF-16 pairs stay apart: who shows the text cleans it.
void append_utf8(unsigned code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

// rest_ stands behind the opening quote; moved behind the closing one.
bool JsonStrings::take_string(std::string_view& out) {
  for (size_t i = 0; i < rest_.size(); ++i) {
    if (rest_[i] == '\\') {
      ++i;
    } else if (rest_[i] == '"') {
      out = rest_.substr(0, i);
      rest_.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool JsonStrings::enter(bool object) {
  if (depth_ == kMaxJsonDepth) {
    return false;
  }
  keys_[depth_] = {};
  object_[depth_] = object;
  ++depth_;
  key_wanted_ = object;
  return true;
}

bool JsonStrings::next() {
  while (!rest_.empty()) {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case '{':
      case '[':
        if (!enter(c == '{')) {
          rest_ = {};
        }
        break;
      case '}':
      case ']':
        if (depth_ == 0 || object_[depth_ - 1] != (c == '}')) {
          rest_ = {};
          break;
        }
        --depth_;
        key_wanted_ = false;
        break;
      case ',':
        key_wanted_ = depth_ > 0 && object_[depth_ - 1];
        break;
      case '"': {
        std::string_view text;
        if (!take_string(text)) {
          rest_ = {};
        } else if (key_wanted_) {
          keys_[depth_ - 1] = text;
          key_wanted_ = false;
        } else {
          raw_ = text;
          return true;
        }
        break;
      }
      default:
        // Colons, spaces, numbers and words: they end by themselves.
        break;
    }
  }
  return false;
}

std::string JsonStrings::value() const {
  std::string out;
  for (size_t i = 0; i < raw_.size(); ++i) {
    if (raw_[i] != '\\' || i + 1 == raw_.size()) {
      out += raw_[i];
      continue;
    }
    const char c = raw_[++i];
    if (c != 'u') {
      out += c == 'n'   ? '\n'
             : c == 't' ? '\t'
             : c == 'r' ? '\r'
             : c == 'b' ? '\b'
             : c == 'f' ? '\f'
                        : c;
      continue;
    }
    unsigned code = 0;
    size_t digits = 0;
    for (; digits < 4 && i + 1 < raw_.size() && digit_of(raw_[i + 1]) >= 0; ++digits) {
      code = code * 16 + static_cast<unsigned>(digit_of(raw_[++i]));
    }
    append_utf8(code, out);
  }
  return out;
}

}  // namespace sonde
