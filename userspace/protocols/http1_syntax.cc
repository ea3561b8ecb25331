// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_syntax.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sonde::http1 {
namespace {

constexpr size_t kMaxMethod = 64;
constexpr size_t kMaxHostName = 255;
constexpr size_t kMaxPort = 5;
constexpr size_t kVersionLength = 8;  // "HTTP/1.1"
constexpr size_t npos = std::string_view::npos;

constexpr auto kTokenCharacters = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= 'z'; ++c) {
    table[c] = (c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a');
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[static_cast<uint8_t>(c)] = true;
  }
  return table;
}();

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c; }

// Length of the method at the front of text; 0: there is none, or it is too long.
size_t method_length(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && n <= kMaxMethod && kTokenCharacters[static_cast<uint8_t>(text[n])]) {
    ++n;
  }
  return n <= kMaxMethod ? n : 0;
}

bool is_version(std::string_view text) {
  return text.size() == kVersionLength && text.starts_with("HTTP/1.") && is_digit(text.back());
}

// Digits at the front of value as a number, taken off it.
bool take_number(std::string_view& value, uint64_t& out) {
  size_t digits = 0;
  for (out = 0; digits < value.size() && is_digit(value[digits]); ++digits) {
    out = out * 10 + static_cast<uint64_t>(value[digits] - '0');
    if (out > kMaxBody) {
      return false;
    }
  }
  value.remove_prefix(digits);
  return digits != 0;
}

}  // namespace

bool equals_ignoring_case(std::string_view text, std::string_view name) {
  return text.size() == name.size() && std::equal(text.begin(), text.end(), name.begin(),
                                                  [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

bool split_request_line(std::string_view line, RequestLine& out) {
  const size_t method = method_length(line);
  if (method == 0 || line.size() < method + 3 + kVersionLength || line[method] != ' ') {
    return false;
  }
  const size_t version = line.size() - kVersionLength;
  out.method = line.substr(0, method);
  out.target = trim(line.substr(method, version - method));
  out.minor = line.back();
  return is_version(line.substr(version)) && line[version - 1] == ' ' && !out.target.empty();
}

bool may_become_request_line(std::string_view text) {
  const size_t method = method_length(text);
  return method != 0 && (method == text.size() || text[method] == ' ');
}

bool may_become_status_line(std::string_view text) {
  return std::string_view("HTTP/1.").starts_with(text.substr(0, 7));
}

bool split_status_line(std::string_view line, StatusLine& out) {
  const size_t at = kVersionLength + 1;
  if (line.size() < at + 3 || !is_version(line.substr(0, kVersionLength)) || line[at - 1] != ' ' ||
      line[at] < '1' || !std::all_of(&line[at], &line[at] + 3, is_digit) ||
      (line.size() > at + 3 && line[at + 3] != ' ')) {
    return false;
  }
  out.status = static_cast<uint16_t>((line[at] - '0') * 100 + (line[at + 1] - '0') * 10 +
                                     (line[at + 2] - '0'));
  out.minor = line[kVersionLength - 1];
  return true;
}

Authority split_authority(std::string_view text) {
  Authority out{.name = text, .port = {}};
  size_t bracket = 0;
  if (text.starts_with('[')) {
    bracket = text.find(']');
    if (bracket == npos) {
      return {};
    }
    out.name = text.substr(1, bracket - 1);
  }
  if (const size_t colon = text.find(':', bracket); colon != npos) {
    out.port = text.substr(colon + 1);
    if (bracket == 0) {
      out.name = text.substr(0, colon);
    }
  }
  if (out.port.size() > kMaxPort || !std::all_of(out.port.begin(), out.port.end(), is_digit)) {
    out.port = {};
  }
  const bool sayable =
      out.name.size() <= kMaxHostName &&
      std::all_of(out.name.begin(), out.name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return sayable && !out.name.empty() ? out : Authority{};
}

Target split_target(std::string_view target) {
  Target out;
  if (target.front() != '/') {
    out.https = equals_ignoring_case(target.substr(0, 8), "https://");
    if (out.https || equals_ignoring_case(target.substr(0, 7), "http://")) {
      target.remove_prefix(out.https ? 8 : 7);
      out.authority = target.substr(0, target.find_first_of("/?#"));
      target.remove_prefix(out.authority.size());
      out.authority.remove_prefix(out.authority.rfind('@') + 1);
      if (!target.starts_with('/')) {
        target = "/";
      }
    }
  }
  out.path = target.substr(0, target.find('?'));
  return out;
}

bool is_header(std::string_view line, std::string_view name, std::string_view& value) {
  if (line.size() <= name.size() || line[name.size()] != ':' ||
      !equals_ignoring_case(line.substr(0, name.size()), name)) {
    return false;
  }
  value = trim(line.substr(name.size() + 1));
  return true;
}

bool parse_length(std::string_view value, uint64_t& out) {
  if (!take_number(value, out)) {
    return false;
  }
  for (value = trim(value); !value.empty(); value = trim(value)) {
    uint64_t again = 0;
    if (value.front() != ',') {
      return false;
    }
    value = trim(value.substr(1));
    if (!take_number(value, again) || again != out) {
      return false;
    }
  }
  return true;
}

bool parse_chunk_size(std::string_view line, uint64_t& out) {
  size_t digits = 0;
  for (out = 0; digits < line.size(); ++digits) {
    const char c = lower(line[digits]);
    const bool letter = c >= 'a' && c <= 'f';
    if (!is_digit(c) && !letter) {
      break;
    }
    out = out * 16 + static_cast<uint64_t>(letter ? c - 'a' + 10 : c - '0');
    if (out > kMaxBody) {
      return false;
    }
  }
  const std::string_view rest = trim(line.substr(digits));
  return digits != 0 && (rest.empty() || rest.front() == ';');
}

}  // namespace sonde::http1
