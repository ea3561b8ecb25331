// SPDX-License-Identifier: Apache-2.0
// What a protocol is: a way to recognise itself in the first bytes, and a parser for each
// connection. Pure: bytes in, messages out; no clock, no thread, no I/O. A new protocol is one .cc,
// one line in list.cc and one .case file.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "userspace/base/bytes.h"
#include "userspace/model/schema.h"

namespace sonde {

enum class Verdict : uint8_t { kNo, kMaybe, kYes };

// Which of the two streams of a connection: what asks and what answers. The flow knows which
// direction is which.
enum class Side : uint8_t { kRequest, kResponse };

// One step of a parser over the contiguous bytes of one side. Each step moves `in` past what it is
// done with.
enum class Step : uint8_t {
  kNeedMore,  // come again with the rest of these bytes and more behind them
  kHead,      // a message begins: `head` is filled
  kSkip,      // inside a framed body: the next `skip` bytes of the stream need not be seen
  kEnd,       // a framed body is over, and with it the message
  kInvalid,   // not this protocol, or damaged beyond following
};

// How the end of a message is found.
enum class Length : uint8_t {
  kKnown,   // body_bytes after the head: the flow passes over them, seen or not, without asking the
            // parser
  kFramed,  // stands inside the body: the parser walks it (kSkip, kNeedMore) to kEnd
  kUntilEnd,  // everything until the sender ends the stream
  kUnclear,   // its receivers may disagree: the flow believes no length and takes the end of the
              // turn
};

// What a parser tells of a message head. Views borrow from the bytes of the call, or are static.
struct Head {
  std::array<std::string_view, kMaxAttributes>
      values{};             // by the schema's attributes; those this side knows
  std::string_view path;    // requests: raw path, without query
  uint64_t body_bytes = 0;  // with kKnown
  uint32_t head_bytes = 0;  // length of the head itself
  Length length = Length::kKnown;
  // Responses: is it an error in the eyes of the server, of the client? (A 404 is one to the client
  // only.) The value of the schema's error attribute is filled if either says so.
  bool server_failed = false;
  bool client_failed = false;
  bool interim = false;  // responses: not the final answer, another follows (100 Continue)
  // Framed in a way that receivers may read differently, be it a mistake or an attack: where it
  // ends may be followed, but what stands behind it in the same turn is not believed to be a
  // message.
  bool doubtful = false;
  bool asks_leave = false;   // requests: the body comes only with leave, or after a while
  bool gives_leave = false;  // responses: it is that leave
  bool upgrade = false;      // responses: what follows is another protocol: nothing more is parsed
  // The parser's own remark on a request. The flow keeps it with the request and gives it back in
  // `head` when it asks for the answer's head (an answer to HEAD has no body), so that parsers keep
  // no queue of requests.
  uint8_t note = 0;
};

// The parser of one connection: holds the state of both sides, which do not meet.
class Parser {
 public:
  virtual ~Parser() = default;

  // Looks at `in`: all bytes of that side not consumed so far, contiguous. After kNeedMore it is
  // called with at least a byte more, and remembers how far it looked: a head that comes byte by
  // byte costs no more than a whole one.
  virtual Step step(Side side, Bytes& in, Head& head, uint64_t& skip) = 0;

  // The rest of a response's head was cut off behind `seen`, which is where the message begins.
  // True if that is enough to tell what it answers: `head` is filled as far as it goes, but for its
  // length. Keeps no state.
  virtual bool cut_response(Bytes seen, Head& head) const = 0;

  // Body bytes of the framed message of that side, running or just ended, as the protocol counts
  // them: no framing. unmoved: how many of the bytes last skipped have not moved (yet).
  virtual uint64_t body_bytes(Side side, uint64_t unmoved) const = 0;

  // Bytes of that side were lost or cut, or the stream ended: be ready for a message to begin.
  virtual void reset(Side side) = 0;
};

struct Protocol {
  const Schema* schema;
  // Could a stream whose first bytes are these be one of ours? Called with what has been seen so
  // far (at least a byte), for the side that asks; kMaybe asks for more bytes.
  Verdict (*detect)(Bytes first);
  std::unique_ptr<Parser> (*make_parser)();
};

// Every protocol there is, in the order they are asked.
std::span<const Protocol> protocols();

}  // namespace sonde
