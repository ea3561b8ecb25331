// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/route_segment.h"

namespace sonde {
namespace {

constexpr size_t kManyDigits = 3;  // a word rarely has as many: sha256 is the price
constexpr size_t kHexBytes = 8;    // short hashes
constexpr size_t kHexWithoutDigits = 16;
constexpr size_t kMaxVersionDigits = 3;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex_letter(char c) { return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_separator(char c) {
  return c == '-' || c == '_' || c == '.' || c == '~' || c == ':' || c == '!' || c == '$';
}

void skip_digits(std::string_view& text) {
  while (!text.empty() && is_digit(text[0])) {
    text.remove_prefix(1);
  }
}

// v1, V2, v1.2, v1beta1, v2alpha
bool is_version(std::string_view text) {
  if (text.size() < 2 || (text[0] != 'v' && text[0] != 'V') || !is_digit(text[1])) {
    return false;
  }
  text.remove_prefix(1);
  const size_t before = text.size();
  skip_digits(text);
  if (before - text.size() > kMaxVersionDigits) {
    return false;
  }
  if (text.size() > 1 && text[0] == '.' && is_digit(text[1])) {
    text.remove_prefix(1);
    skip_digits(text);
  }
  for (const std::string_view stage : {"alpha", "beta", "rc"}) {
    if (text.starts_with(stage)) {
      text.remove_prefix(stage.size());
      skip_digits(text);
      break;
    }
  }
  return text.empty();
}

}  // namespace

bool looks_like_value(std::string_view segment) {
  if (segment.size() > kMaxWordBytes) {
    return true;
  }
  size_t digits = 0;
  size_t digit_runs = 0;
  bool hex = true;
  bool number_part = false;    // a part between separators that is all digits
  bool part_is_number = true;  // of the part so far, if not empty
  size_t part = 0;
  for (size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    if (is_separator(c)) {
      number_part |= part > 0 && part_is_number;
      part = 0;
      part_is_number = true;
      hex = false;
      continue;
    }
    ++part;
    if (is_digit(c)) {
      ++digits;
      digit_runs += i == 0 || !is_digit(segment[i - 1]);
    } else if (is_letter(c)) {
      part_is_number = false;
      hex &= is_hex_letter(c);
    } else {
      return true;
    }
  }
  number_part |= part > 0 && part_is_number;
  if (hex && segment.size() >= kHexWithoutDigits) {
    return true;
  }
  if (digits == 0 || is_version(segment)) {
    return false;
  }
  return number_part || digits >= kManyDigits || digit_runs > 1 ||
         (hex && segment.size() >= kHexBytes);
}

}  // namespace sonde
