// SPDX-License-Identifier: Apache-2.0
// What a protocol is: a way to recognise itself in the first bytes, and a parser for each connection. Pure: bytes in,
// messages out; no clock, no thread, no I/O. A new protocol is one .cc, one line in list.cc and one .case file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "userspace/base/bytes.h"
#include "userspace/model/ids.h"
#include "userspace/model/request.h"
#include "userspace/model/schema.h"

namespace sonde {

enum class Verdict : uint8_t { kNo, kMaybe, kYes };

// Which of the two streams of a connection: what asks and what answers. The flow knows which direction is which.
enum class Side : uint8_t { kRequest, kResponse };

// One step of a parser over the contiguous bytes of one side.
enum class Step : uint8_t {
  kNeedMore,  // nothing consumed; come again with these bytes and more behind them
  kHead,      // consumed a message head; `head` is filled, its views borrow from the bytes of this call
  kSkip,      // consumed what it could: the next `skip` bytes of the stream mean nothing to it and need not be captured
  kUntilEnd,  // the message lasts until its sender ends the stream: everything that follows is its body
  kEnd,       // the message is whole; nothing consumed
  kInvalid,   // not this protocol, or damaged beyond following
};

// What a parser tells of a message head.
struct Head {
  std::array<std::string_view, kMaxAttributes> values{};  // by the schema's attributes; only those this side knows
  std::string_view path;                                  // requests: raw path, without query
  bool failed = false;      // responses: the protocol calls it an error
  bool interim = false;     // responses: not the final answer, another follows (100 Continue)
  bool upgrade = false;     // responses: what follows is another protocol: the flow stops parsing the connection
  bool no_answer = false;   // requests: no response will come
  uint32_t head_bytes = 0;  // length of the head in the stream
  // The parser's own remark on a request. The flow keeps it with the request and gives it back in `head` when it asks
  // for the answer's head (an answer to HEAD has no body), so that parsers keep no queue of requests.
  uint8_t note = 0;
};

// The parser of one connection: holds the state of both sides. The flow calls step(side, ...) as bytes come, and never
// asks for a response before it has given the request that it answers.
class Parser {
 public:
  virtual ~Parser() = default;

  // Looks at in: the bytes of that side not consumed so far, contiguous. Consumes by moving in forward.
  // kSkip: `skip` says how many bytes beyond in's new start to pass over (they may be partly in in: the flow passes
  // over both kinds). The parser is called again with what follows them.
  virtual Step step(Side side, Bytes& in, Head& head, uint64_t& skip) = 0;

  // Body bytes of the message that ended last on that side (kEnd), as the protocol counts them: without framing.
  virtual uint64_t body_bytes(Side side) const = 0;

  // The rest of the current message of that side was lost or cut, or the stream ended: forget it and be ready for a
  // message to begin. With kUntilEnd: its end.
  virtual void reset(Side side) = 0;
};

struct Protocol {
  const Schema* schema;
  // Could a stream whose first bytes are these be one of ours? Called with what has been seen so far (at least a
  // byte), for the side that asks; kMaybe asks for more bytes.
  Verdict (*detect)(Bytes first);
  std::unique_ptr<Parser> (*make_parser)();
};

// Every protocol there is, in the order they are asked.
std::span<const Protocol> protocols();

}  // namespace sonde
