// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_syntax.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sonde::http1 {
namespace {

constexpr size_t kMaxMethod = 64;
constexpr size_t kMaxHostName = 253;  // what names of the DNS may have
constexpr size_t kMaxPort = 5;
constexpr size_t kVersionLength = 8;  // "HTTP/1.1"
constexpr size_t kNpos = std::string_view::npos;

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
// Of names and IPv4 addresses.
constexpr auto kHostCharacters = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= 'z'; ++c) {
    table[c] = (c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a');
  }
  table['.'] = table['-'] = table['_'] = true;
  return table;
}();
bool is_host_character(char c) { return kHostCharacters[static_cast<uint8_t>(c)]; }
// With the name of a zone, if need be.
bool is_address6(char c) { return is_host_character(c) || c == ':' || c == '%'; }
bool is_port(std::string_view text) {
  uint32_t port = 0;
  for (const char c : text.substr(0, kMaxPort)) {
    port = is_digit(c) ? port * 10 + static_cast<uint32_t>(c - '0') : 0x10000;
  }
  return !text.empty() && text.size() <= kMaxPort && text.front() != '0' && port <= 0xffff;
}
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
  while (line.ends_with(' ') || line.ends_with('\t')) {
    line.remove_suffix(1);  // forgiven (RFC 9112, section 3)
  }
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

void split_authority(std::string_view text, std::string_view& name, std::string_view& port) {
  name = port = {};
  size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == kNpos || !std::ranges::all_of(text.substr(1, end - 1), is_address6)) {
      return;
    }
    name = text.substr(1, end - 1);
    ++end;
  } else {
    while (end < text.size() && is_host_character(text[end])) {
      ++end;
    }
    name = text.substr(0, end);
  }
  if (name.size() > kMaxHostName || (end != text.size() && text[end] != ':')) {
    name = {};
  } else if (end != text.size() && !name.empty() && is_port(text.substr(end + 1))) {
    port = text.substr(end + 1);
  }
}

std::string_view take_origin(std::string_view& target, bool& https) {
  https = equals_ignoring_case(target.substr(0, 8), "https://");
  if (!https && !equals_ignoring_case(target.substr(0, 7), "http://")) {
    return {};
  }
  target.remove_prefix(https ? 8 : 7);
  std::string_view authority = target.substr(0, target.find_first_of("/?"));
  target.remove_prefix(authority.size());
  authority.remove_prefix(authority.rfind('@') + 1);
  return authority;
}

void split_query(std::string_view target, std::string_view& path, std::string_view& query) {
  const size_t begin = target.find('?');
  path = target.substr(0, begin);
  query = begin == kNpos ? std::string_view() : target.substr(begin + 1);
}

bool is_header(std::string_view line, std::string_view name, std::string_view& value,
               bool& spaced) {
  // Most lines are told from the name by this one byte.
  if (line.size() <= name.size() ||
      (line[name.size()] != ':' && line[name.size()] != ' ' && line[name.size()] != '\t') ||
      !equals_ignoring_case(line.substr(0, name.size()), name)) {
    return false;
  }
  const size_t colon = line.find_first_not_of(" \t", name.size());
  if (colon == kNpos || line[colon] != ':') {
    return false;
  }
  spaced = colon != name.size();
  value = trim(line.substr(colon + 1));
  return true;
}

bool is_any_header(std::string_view line) {
  size_t name = 0;
  while (name < line.size() && kTokenCharacters[static_cast<uint8_t>(line[name])]) {
    ++name;
  }
  const size_t colon = line.find_first_not_of(" \t", name);
  return name != 0 && colon != kNpos && line[colon] == ':';
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
