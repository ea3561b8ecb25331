// SPDX-License-Identifier: Apache-2.0
#include "exporters/web/request.h"

#include <algorithm>

namespace sonde::web {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// Bytes above 127 are not, whether a char has a sign (x86) or none (arm64).
bool is_visible(char c) { return c > ' ' && c < 0x7F; }
bool is_value_byte(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7F);
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The next line without its end, CRLF or a bare LF, moved past. The caller knows that there is one.
std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

// Where the empty line that ends the head ends itself; npos: not yet.
size_t head_end(std::string_view bytes) {
  for (size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    const std::string_view behind = bytes.substr(at + 1);
    if (behind.starts_with('\n')) {
      return at + 2;
    }
    if (behind.starts_with("\r\n")) {
      return at + 3;
    }
  }
  return std::string_view::npos;
}

// origin-form, or absolute-form, which a server must understand as well.
bool parse_target(std::string_view target, RequestHead& head) {
  if (!std::ranges::all_of(target, is_visible) || target.find('#') != std::string_view::npos) {
    return false;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() >= scheme.size() && same(target.substr(0, scheme.size()), scheme)) {
      const size_t path = target.find_first_of("/?", scheme.size());
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
      break;
    }
  }
  if (!target.starts_with('/')) {
    return false;
  }
  const size_t mark = target.find('?');
  head.path = target.substr(0, mark);
  head.query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  return true;
}

Parsed parse_request_line(std::string_view line, RequestHead& head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Parsed::kBad;
  }
  head.method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(head.method) || version.size() != 8 || !version.starts_with("HTTP/") ||
      version[6] != '.') {
    return Parsed::kBad;
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Parsed::kUnsupportedVersion;
  }
  head.is_1_1 = version == "HTTP/1.1";
  return parse_target(line.substr(first + 1, last - first - 1), head) ? Parsed::kOk : Parsed::kBad;
}

// Whether the list of tokens names one.
bool lists(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (same(trimmed(list.substr(0, comma)), token)) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

bool parse_header(std::string_view line, HttpHeader& header) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  header.name = line.substr(0, colon);
  header.value = trimmed(line.substr(colon + 1));
  return is_token(header.name) && std::ranges::all_of(header.value, is_value_byte);
}

// What the server itself must know of the headers. false: they contradict RFC 9112.
bool read_meaning(RequestHead& head) {
  size_t hosts = 0;
  bool close = false;
  bool keep = false;
  for (const HttpHeader& header : head.headers) {
    if (same(header.name, "host")) {
      ++hosts;
    } else if (same(header.name, "connection")) {
      close |= lists(header.value, "close");
      keep |= lists(header.value, "keep-alive");
    } else if (same(header.name, "transfer-encoding")) {
      head.has_body = true;
    } else if (same(header.name, "content-length")) {
      head.has_body |= header.value != "0";
    }
  }
  head.keep_alive = !close && (head.is_1_1 || keep);
  return hosts == 1 || (hosts == 0 && !head.is_1_1);
}

}  // namespace

Parsed parse_head(std::string_view bytes, RequestHead& head) {
  head = {};
  // Empty lines before a request are to be passed over (RFC 9112, section 2.2).
  const size_t start = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
  std::string_view rest = bytes.substr(start);
  const size_t end = head_end(rest);
  if (end == std::string_view::npos) {
    return bytes.size() >= kMaxHeadBytes ? Parsed::kTooLarge : Parsed::kNeedMore;
  }
  head.size = start + end;
  if (head.size > kMaxHeadBytes) {
    return Parsed::kTooLarge;
  }
  rest = rest.substr(0, end);
  if (const Parsed line = parse_request_line(next_line(rest), head); line != Parsed::kOk) {
    return line;
  }
  for (std::string_view line = next_line(rest); !line.empty(); line = next_line(rest)) {
    if (head.headers.size() == kMaxHeaders) {
      return Parsed::kTooLarge;
    }
    if (!parse_header(line, head.headers.emplace_back())) {
      return Parsed::kBad;
    }
  }
  return read_meaning(head) ? Parsed::kOk : Parsed::kBad;
}

}  // namespace sonde::web
