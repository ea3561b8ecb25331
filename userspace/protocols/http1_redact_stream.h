// SPDX-License-Identifier: Apache-2.0
// One direction of an HTTP/1.x connection, as its redactor walks it: a state machine that takes
// bytes in any pieces. Where it is at a loss it overwrites until a turn begins.
#pragma once

#include <cstdint>
#include <span>

#include "userspace/protocols/http1_redact_exchange.h"
#include "userspace/protocols/http1_redact_words.h"

namespace sonde::http1_redact {

class Stream {
 public:
  explicit Stream(Exchange& exchange) : exchange_(exchange) {}
  void turn();
  void redact(std::span<uint8_t> bytes);
  void skip(uint64_t n);
  void lost();

  bool unknown() const { return at_ == At::kUnknown; }
  bool asks() const { return asks_; }

 private:
  enum class At : uint8_t {
    kUnknown,         // at a loss, until a turn begins
    kUntilEnd,        // a body that the connection's end ends
    kBody,            // left_ bytes of a body or chunk
    kStart,           // a message begins, or will
    kTarget,          // the first byte of the target
    kScheme,          // of an absolute target
    kAuthority,       // of an absolute target, or CONNECT's
    kPath,            // kept
    kParameter,       // of a path's segment, behind ';' or '='
    kQuery,           //
    kAfterTarget,     // the space behind '*'
    kVersion,         // the request's "HTTP/1."
    kMinor,           // the version's last digit
    kFirstLineEnd,    //
    kStatus,          // a space and three digits
    kStatusEnd,       //
    kReason,          //
    kLineStart,       // a header, a continued one, or the empty line
    kName,            //
    kValueStart,      // spaces before a value
    kValue,           //
    kChunkSize,       //
    kChunkExtension,  //
    kChunkEnd,        // the line end behind a chunk's data
    kLf,              // CR was seen: LF must follow
  };
  enum class Line : uint8_t { kFirst, kHeader, kEmpty, kChunkSize, kChunkData };

  // Each takes one byte, overwriting it if need be. False: not HTTP/1, or damaged.
  bool byte(uint8_t& c);
  bool start(uint8_t c);
  bool target(uint8_t& c);
  bool version(uint8_t c);
  bool status(uint8_t& c);
  bool name(uint8_t& c);
  bool value(uint8_t& c);
  bool content_length(uint8_t c);
  void transfer_encoding(uint8_t c);
  bool chunk_size(uint8_t& c);

  // c is CR or LF: the line is over, or nearly.
  bool line_end(uint8_t c, Line line);
  bool end_line();
  bool end_header();
  bool end_head();
  bool end_request();
  bool end_response();
  bool begin_line(uint8_t& c);
  void begin_head(int word);
  void begin_message();
  void begin_body(uint64_t length, bool chunk);
  void end_body();
  void begin_chunk();

  // Takes a run of bytes at once where the state does the same to all of them: how many. 0: byte by
  // byte, please. (Only an authority's run sees more than its bytes do one by one.)
  size_t run(std::span<uint8_t> bytes);
  size_t authority_run(std::span<uint8_t> bytes);
  size_t body_run(std::span<uint8_t> bytes);
  size_t name_run(std::span<uint8_t> bytes);

  Exchange& exchange_;
  At at_ = At::kUnknown;
  Line line_ = Line::kFirst;
  WordSet::Match match_;
  bool asks_ = false;             // the last head was a request's
  bool whole_authority_ = false;  // an authority begins at the next byte
  bool unknown_name_ = false;
  bool assumed_ = false;  // the body being passed over may not be there
  bool trailer_ = false;
  bool in_chunk_ = false;
  bool has_length_ = false;
  bool encoded_ = false;      // there is a transfer-encoding
  bool chunked_ = false;      // ... and its last one is chunked
  bool length_over_ = false;  // a space was seen behind the digits
  uint8_t digits_ = 0;        // of the number being read, and the place in fixed texts
  uint8_t matched_ = 0;       // bytes of "chunked" matched, or kMismatch
  int method_ = 0;
  int name_ = -1;
  uint32_t status_ = 0;
  uint64_t number_ = 0;  // content-length or chunk size being read
  uint64_t length_ = 0;
  uint64_t left_ = 0;
};

}  // namespace sonde::http1_redact
