// SPDX-License-Identifier: Apache-2.0
// The part of the state machine that walks heads: the first line and the headers.
#include <algorithm>
#include <utility>

#include "userspace/protocols/http1_redact_chars.h"
#include "userspace/protocols/http1_redact_stream.h"
#include "userspace/protocols/redactor.h"

namespace sonde::http1_redact {
namespace {

constexpr std::string_view kChunkedText = "chunked";
constexpr uint8_t kMismatch = 0xff;
constexpr uint8_t kMaxLengthDigits = 18;  // fits 64 bits

constexpr bool ends_authority(uint8_t c) { return c <= ' ' || c == '/' || c == '?' || c == '#'; }

// A name or address and perhaps a port, in the strictest reading.
bool is_host(std::string_view text) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == text.npos) {
    return false;
  }
  const size_t colon = std::min(text.find(':', bracket), text.size());
  const auto is_address_byte = [](uint8_t c) { return is_host_byte(c) || c == ':'; };
  return std::ranges::all_of(text.substr(0, bracket), is_address_byte) &&
         std::ranges::all_of(text.substr(bracket, colon - bracket), is_host_byte) &&
         std::ranges::all_of(text.substr(std::min(colon + 1, text.size())), is_digit);
}

}  // namespace

bool Stream::start(uint8_t c) {
  // Empty lines before a message are ignored (RFC 9112, section 2.2).
  if (match_.length == 0 && is_line_end(c)) {
    return true;
  }
  if (!kStarts.advance(match_, c)) {
    return false;
  }
  if (const int word = kStarts.complete(match_); word >= 0) {
    begin_head(word);
  }
  return true;
}

bool Stream::target(uint8_t& c) {
  if (at_ == At::kTarget) {
    if (c == '/') {
      at_ = At::kPath;
      return true;
    }
    if (c == '*') {
      at_ = At::kAfterTarget;
      return true;
    }
    at_ = At::kScheme;
    match_ = kSchemes.begin();
  }
  if (at_ == At::kScheme) {
    if (!kSchemes.advance(match_, c)) {
      return false;
    }
    if (kSchemes.complete(match_) >= 0) {
      at_ = At::kAuthority;
      whole_authority_ = true;
    }
    return true;
  }
  if (c == ' ') {
    digits_ = 0;
    at_ = At::kVersion;
    return true;
  }
  if (c < 0x20 || c == 0x7f) {
    return false;
  }
  // A user and a password may stand in an authority, a session in a parameter, anything in a query:
  // only what delimits is kept of them.
  const bool in_query = at_ == At::kQuery;
  if (!in_query && (c == '?' || c == '#')) {
    at_ = At::kQuery;
  } else if (!in_query && c == '/') {
    at_ = At::kPath;
  } else if (at_ == At::kPath && (c == ';' || c == '=')) {
    at_ = At::kParameter;
  } else if ((in_query && (c == '&' || c == '=')) || (at_ == At::kPath && is_visible(c))) {
    return true;
  } else {
    c = kRedacted;
  }
  return true;
}

bool Stream::version(uint8_t c) {
  if (at_ == At::kAfterTarget) {
    digits_ = 0;
    at_ = At::kVersion;
    return c == ' ';
  }
  if (at_ == At::kVersion) {
    if (c != static_cast<uint8_t>(kVersionText[digits_])) {
      return false;
    }
    at_ = ++digits_ == kVersionText.size() ? At::kMinor : At::kVersion;
    return true;
  }
  at_ = asks_ ? At::kFirstLineEnd : At::kStatus;
  digits_ = 0;
  return is_digit(c);
}

bool Stream::status(uint8_t& c) {
  if (at_ == At::kStatus) {
    if (digits_ == 0 ? c != ' ' : !is_digit(c)) {
      return false;
    }
    status_ = digits_ == 0 ? 0 : status_ * 10 + (c - '0');
    at_ = ++digits_ == 4 ? At::kStatusEnd : At::kStatus;
    return true;
  }
  if (is_line_end(c)) {
    return line_end(c, Line::kFirst);
  }
  if (at_ == At::kStatusEnd) {
    at_ = At::kReason;
    return c == ' ';
  }
  c = kRedacted;
  return true;
}

bool Stream::begin_line(uint8_t& c) {
  if (is_line_end(c)) {
    return line_end(c, Line::kEmpty);
  }
  if (is_blank(c)) {
    // The header before goes on (obsolete, RFC 9112 section 5.2). Framing that does so is not ours
    // to follow.
    const bool framing = name_ == kContentLength || name_ == kTransferEncoding;
    name_ = -1;
    at_ = At::kValue;
    return !framing;
  }
  match_ = kNames.begin();
  unknown_name_ = false;
  at_ = At::kName;
  return c != ':' && name(c);
}

bool Stream::name(uint8_t& c) {
  if (c == ':') {
    name_ = unknown_name_ || trailer_ ? -1 : kNames.complete(match_);
    name_ = name_ < kAllowedNames ? name_ : -1;
    number_ = 0;
    digits_ = 0;
    matched_ = 0;
    length_over_ = false;
    at_ = At::kValueStart;
    return true;
  }
  return name_run({&c, 1}) == 1;
}

// The host behind a user and a password is kept, but that there is no '@' to come is only known at
// the end.
size_t Stream::authority_run(std::span<uint8_t> bytes) {
  const auto end = std::ranges::find_if(bytes, ends_authority);
  if (!std::exchange(whole_authority_, false) || end == bytes.end()) {
    return 0;
  }
  const std::span<uint8_t> authority(bytes.begin(), end);
  const std::string_view text(reinterpret_cast<const char*>(authority.data()), authority.size());
  const size_t at = text.rfind('@');
  const size_t host = at == text.npos ? 0 : at + 1;
  const size_t kept_from = is_host(text.substr(host)) ? host : text.size();
  for (size_t i = 0; i < kept_from; i++) {
    authority[i] = i == at ? '@' : kRedacted;
  }
  return authority.size();
}

size_t Stream::name_run(std::span<uint8_t> bytes) {
  size_t n = 0;
  while (n < bytes.size() && kIsToken[bytes[n]]) {
    if (unknown_name_ || !kNames.advance(match_, bytes[n])) {
      unknown_name_ = true;
      bytes[n] = kRedacted;
    }
    n++;
  }
  return n;
}

bool Stream::value(uint8_t& c) {
  if (is_line_end(c)) {
    return line_end(c, Line::kHeader);
  }
  if (at_ == At::kValueStart && is_blank(c)) {
    return true;
  }
  at_ = At::kValue;
  if (name_ == kContentLength) {
    return content_length(c);
  }
  if (name_ == kTransferEncoding) {
    transfer_encoding(c);
  }
  if (name_ < 0 || !(is_visible(c) || is_blank(c))) {
    c = kRedacted;
  }
  return true;
}

bool Stream::content_length(uint8_t c) {
  if (is_blank(c)) {
    length_over_ = true;
    return true;
  }
  if (!is_digit(c) || length_over_ || digits_ == kMaxLengthDigits) {
    return false;
  }
  number_ = number_ * 10 + (c - '0');
  digits_++;
  return true;
}

// Only whether the last coding is "chunked" matters.
void Stream::transfer_encoding(uint8_t c) {
  if (c == ',') {
    matched_ = 0;
  } else if (is_blank(c)) {
    matched_ = matched_ == 0 || matched_ == kChunkedText.size() ? matched_ : kMismatch;
  } else if (matched_ < kChunkedText.size() &&
             lower(c) == static_cast<uint8_t>(kChunkedText[matched_])) {
    matched_++;
  } else {
    matched_ = kMismatch;
  }
}

bool Stream::end_header() {
  if (name_ == kContentLength) {
    if (digits_ == 0 || (has_length_ && length_ != number_)) {
      return false;
    }
    has_length_ = true;
    length_ = number_;
  } else if (name_ == kTransferEncoding) {
    encoded_ = true;
    chunked_ = matched_ == kChunkedText.size();
  }
  return true;
}

}  // namespace sonde::http1_redact
