// SPDX-License-Identifier: Apache-2.0
#include "userspace/protocols/http1_redact_stream.h"

#include <algorithm>
#include <cstring>

#include "userspace/protocols/http1_redact_chars.h"
#include "userspace/protocols/redactor.h"

namespace sonde::http1_redact {
namespace {

constexpr size_t kMaxMethod = 32;
constexpr uint8_t kMaxChunkDigits = 8;

// A method that is not among our words is believed if its whole line is here and is a request's:
// the length of the method and its space; 0: it is none.
size_t other_method(std::span<const uint8_t> bytes) {
  const auto* const end =
      static_cast<const uint8_t*>(std::memchr(bytes.data(), '\n', bytes.size()));
  if (end == nullptr) {
    return 0;
  }
  std::string_view line(reinterpret_cast<const char*>(bytes.data()),
                        static_cast<size_t>(end - bytes.data()));
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  const size_t space = line.find(' ');
  const size_t last = line.rfind(' ');
  if (space == 0 || space == last || space == line.npos || space > kMaxMethod ||
      !std::ranges::all_of(line.substr(0, space), [](uint8_t c) { return kIsToken[c]; })) {
    return 0;
  }
  const std::string_view version = line.substr(last + 1);
  const bool is_request = version.size() == kVersionText.size() + 1 &&
                          version.starts_with(kVersionText) &&
                          is_digit(static_cast<uint8_t>(version.back()));
  return is_request ? space + 1 : 0;
}

// How many of the first bytes are so.
template <typename Is>
size_t run_of(std::span<const uint8_t> bytes, Is is) {
  size_t n = 0;
  while (n < bytes.size() && is(bytes[n])) {
    n++;
  }
  return n;
}

size_t overwrite(std::span<uint8_t> bytes, size_t n) {
  std::memset(bytes.data(), kRedacted, n);
  return n;
}

}  // namespace

void Stream::turn() {
  if (at_ == At::kUnknown || assumed_) {
    begin_message();
  }
}

void Stream::lost() {
  if (at_ != At::kUntilEnd) {
    at_ = At::kUnknown;
  }
}

void Stream::skip(uint64_t n) {
  if (n == 0 || at_ == At::kUntilEnd) {
    return;
  }
  if (at_ != At::kBody || n > left_) {
    lost();
    return;
  }
  left_ -= n;
  if (left_ == 0) {
    end_body();
  }
}

void Stream::redact(std::span<uint8_t> bytes) {
  constexpr size_t kNotHere = SIZE_MAX;
  size_t message = kNotHere;  // where in bytes the message begins that is at its first word
  for (size_t i = 0; i < bytes.size();) {
    if (const size_t done = run(bytes.subspan(i)); done != 0) {
      i += done;
      continue;
    }
    if (at_ == At::kStart && match_.length == 0) {
      message = i;
    }
    if (!byte(bytes[i])) {
      if (at_ == At::kStart && message != kNotHere) {
        if (const size_t method = other_method(bytes.subspan(message)); method != 0) {
          begin_head(kResponse + static_cast<int>(kStartWords.size()));
          i = message + method;
          continue;
        }
      }
      at_ = At::kUnknown;
      bytes[i] = kRedacted;
    }
    i++;
  }
}

size_t Stream::run(std::span<uint8_t> bytes) {
  if (exchange_.tunnel()) {
    return overwrite(bytes, bytes.size());
  }
  switch (at_) {
    case At::kUnknown:
    case At::kUntilEnd:
      return overwrite(bytes, bytes.size());
    case At::kBody:
      return body_run(bytes);
    case At::kReason:
      return overwrite(bytes, run_of(bytes, [](uint8_t c) { return !is_line_end(c); }));
    case At::kPath:
      return run_of(bytes, [](uint8_t c) { return kIsPlainPath[c]; });
    case At::kAuthority:
      return authority_run(bytes);
    case At::kName:
      return name_run(bytes);
    case At::kValue:
      if (name_ < 0) {
        return overwrite(bytes, run_of(bytes, [](uint8_t c) { return !is_line_end(c); }));
      }
      return name_ == kContentLength || name_ == kTransferEncoding
                 ? 0
                 : run_of(bytes, [](uint8_t c) { return c >= 0x20 && c < 0x7f; });
    default:
      return 0;
  }
}

size_t Stream::body_run(std::span<uint8_t> bytes) {
  const size_t run = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
  left_ -= run;
  if (left_ == 0) {
    end_body();
  }
  return overwrite(bytes, run);
}

bool Stream::byte(uint8_t& c) {
  switch (at_) {
    case At::kStart:
      return start(c);
    case At::kTarget:
    case At::kScheme:
    case At::kAuthority:
    case At::kPath:
    case At::kParameter:
    case At::kQuery:
      return target(c);
    case At::kAfterTarget:
    case At::kVersion:
    case At::kMinor:
      return version(c);
    case At::kFirstLineEnd:
      return is_line_end(c) && line_end(c, Line::kFirst);
    case At::kStatus:
    case At::kStatusEnd:
    case At::kReason:
      return status(c);
    case At::kLineStart:
      return begin_line(c);
    case At::kName:
      return name(c);
    case At::kValueStart:
    case At::kValue:
      return value(c);
    case At::kChunkSize:
    case At::kChunkExtension:
      return chunk_size(c);
    case At::kChunkEnd:
      return is_line_end(c) && line_end(c, Line::kChunkData);
    case At::kLf:
      return c == '\n' && end_line();
    case At::kUnknown:
    case At::kUntilEnd:
    case At::kBody:
      break;  // overwritten in runs
  }
  return false;
}

bool Stream::chunk_size(uint8_t& c) {
  if (is_line_end(c)) {
    return digits_ != 0 && line_end(c, Line::kChunkSize);
  }
  if (at_ == At::kChunkExtension) {
    c = kRedacted;
    return true;
  }
  if (const int digit = hex_value(c); digit >= 0) {
    number_ = number_ * 16 + static_cast<uint64_t>(digit);
    return ++digits_ <= kMaxChunkDigits;
  }
  at_ = At::kChunkExtension;
  return digits_ != 0 && (c == ';' || is_blank(c));
}

bool Stream::line_end(uint8_t c, Line line) {
  line_ = line;
  if (c == '\n') {
    return end_line();
  }
  at_ = At::kLf;
  return true;
}

bool Stream::end_line() {
  switch (line_) {
    case Line::kFirst:
      at_ = At::kLineStart;
      return true;
    case Line::kHeader:
      at_ = At::kLineStart;
      return end_header();
    case Line::kEmpty:
      return end_head();
    case Line::kChunkSize:
      if (number_ != 0) {
        begin_body(number_, true);
      } else {
        trailer_ = true;
        name_ = -1;
        at_ = At::kLineStart;
      }
      return true;
    case Line::kChunkData:
      begin_chunk();
      return true;
  }
  return false;
}

bool Stream::end_head() {
  if (trailer_) {
    begin_message();
    return true;
  }
  return asks_ ? end_request() : end_response();
}

bool Stream::end_request() {
  exchange_.ask(method_ == kHead      ? Asked::kHead
                : method_ == kConnect ? Asked::kConnect
                                      : Asked::kOther);
  if (encoded_ && !chunked_) {
    return false;
  }
  chunked_ ? begin_chunk() : begin_body(length_, false);
  return true;
}

bool Stream::end_response() {
  constexpr uint32_t kSwitchingProtocols = 101;
  constexpr uint32_t kNoContent = 204;
  constexpr uint32_t kNotModified = 304;
  if (status_ == kSwitchingProtocols) {
    exchange_.become_tunnel();
    return true;
  }
  if (status_ < 200) {
    begin_message();
    return true;
  }
  const std::optional<Asked> asked = exchange_.answer();
  // Not knowing the request, we take it for one whose answer has a body, until a turn begins.
  assumed_ = !asked.has_value();
  const Asked what = asked.value_or(Asked::kOther);
  if (what == Asked::kConnect && status_ < 300) {
    exchange_.become_tunnel();
  } else if (what == Asked::kHead || status_ == kNoContent || status_ == kNotModified) {
    begin_message();
  } else if (chunked_) {
    begin_chunk();
  } else if (encoded_ || !has_length_) {
    at_ = assumed_ ? At::kUnknown : At::kUntilEnd;
  } else {
    begin_body(length_, false);
  }
  return true;
}

void Stream::begin_message() {
  assumed_ = false;
  at_ = At::kStart;
  match_ = kStarts.begin();
}

void Stream::begin_head(int word) {
  asks_ = word != kResponse;
  method_ = word;
  at_ = !asks_ ? At::kMinor : word == kConnect ? At::kAuthority : At::kTarget;
  whole_authority_ = true;
  name_ = -1;
  trailer_ = false;
  has_length_ = false;
  encoded_ = false;
  chunked_ = false;
  length_ = 0;
  digits_ = 0;
}

void Stream::begin_body(uint64_t length, bool chunk) {
  if (length == 0) {
    begin_message();
    return;
  }
  at_ = At::kBody;
  in_chunk_ = chunk;
  left_ = length;
}

void Stream::end_body() {
  if (in_chunk_) {
    at_ = At::kChunkEnd;
  } else {
    begin_message();
  }
}

void Stream::begin_chunk() {
  at_ = At::kChunkSize;
  number_ = 0;
  digits_ = 0;
}

}  // namespace sonde::http1_redact
