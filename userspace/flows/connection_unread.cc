// SPDX-License-Identifier: Apache-2.0
// Connection, sixth part: turns that are counted, not read, since Sonde restrains itself. Each is
// taken for one message, over with its turn; what it says is not known.
#include "userspace/flows/connection.h"

namespace sonde {

// The turn begins at the stream's end, where a message is expected.
void Connection::take_unread(Side side, const DataMoved& event, const Moment& moment) {
  Stream& s = stream(side);
  // A head that was begun before is not read to its end any more.
  s.next = s.end();
  drop_buffer(s);
  s.framed = false;
  reset_parser(side);
  if (!knows_protocol(side, event.captured)) {
    ++context_.counters.turns_unread_unknown;
    if (!given_up_) {
      s.expect = Expect::kResync;
      s.next = event.position + event.bytes;
    }
    return;
  }
  s.first_ns = moment.time_ns;
  Head unread;
  unread.length = Length::kUnclear;
  on_head(side, unread, {}, nullptr, moment);
  if (given_up_ || s.expect != Expect::kTurnEnd) {
    return;  // there was no room for it
  }
  if (side == Side::kRequest) {
    exchanges_.back().unread = true;
  } else {
    answer_.unread = true;
  }
  s.next = event.position + event.bytes;
}

// By what was known of the connection or of its endpoint before, or by the look that is taken at
// new ones.
bool Connection::knows_protocol(Side side, std::span<const uint8_t> bytes) {
  if (protocol_ == nullptr && side == Side::kRequest) {
    const Habit* const habit = habit_.get();
    if (!bytes.empty()) {
      return classify(Bytes(bytes));
    }
    protocol_ = habit != nullptr ? habit->protocol : nullptr;
  }
  return protocol_ != nullptr;
}

}  // namespace sonde
