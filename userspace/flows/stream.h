// SPDX-License-Identifier: Apache-2.0
// Stream: one direction of a connection, by position. Holds the bytes of a message that is not
// whole yet, and knows what may come next: what the parser must see, and what may as well be a
// hole.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sonde {

enum class Expect : uint8_t {
  kMessage,    // bytes for the parser: a head, or the framing of a body
  kBody,       // nothing to see before body_end
  kTurnEnd,    // a message whose end was cut off: the end of its turn is taken for it
  kStreamEnd,  // a message that lasts until its sender ends the stream
  kResync,     // after a hole or damage: nothing to see before the next turn begins
};

struct Stream {
  Expect expect = Expect::kMessage;
  bool framed = false;         // inside a framed body
  bool doubtful = false;       // behind this message nothing in its turn is believed
  uint64_t next = 0;           // position of the first byte not done with; the buffer begins there
  uint64_t body_end = 0;       // with kBody
  uint64_t head_end = 0;       // where the current message's body begins
  uint64_t first_ns = 0;       // when the byte at `next` moved
  uint64_t told_end = 0;       // the stream is known to have moved to here, whether seen or not ...
  uint64_t told_ns = 0;        // ... at this time
  uint64_t body_captured = 0;  // bytes of the current body that were shipped for nothing
  std::vector<uint8_t> buffer;

  // Everything before is accounted for: parsed, passed over, or in the buffer.
  uint64_t end() const { return next + buffer.size(); }
  // Behind a head whose body is not over.
  bool within_message() const {
    return framed || expect == Expect::kBody || expect == Expect::kTurnEnd ||
           expect == Expect::kStreamEnd;
  }
  // Between two messages, with nothing of the next.
  bool idle() const { return expect == Expect::kMessage && !framed && buffer.empty(); }
};

}  // namespace sonde
