// SPDX-License-Identifier: Apache-2.0
// Connection, third part: the way across bytes that are not there.
#include <algorithm>
#include <utility>

#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr size_t kKeptBuffer = 4096;  // a stream that needed more gives it back

}  // namespace

// Nothing is known of the bytes from the stream's end to there, but that they moved.
void Connection::pass_hole(Side side, uint64_t to, const Moment& moment) {
  Stream& s = stream(side);
  while (!given_up_ && s.end() < to) {
    if (s.expect == Expect::kMessage) {
      cut(side, to, moment);
    } else if (s.expect == Expect::kBody && s.body_end <= to) {
      s.next = s.body_end;
      body_over(side, moment.time_ns);
    } else {
      s.next = to;
    }
  }
}

// The policy was too short for a head, or there were messages where one was thought to be.
void Connection::ask_for_more(Side side) {
  const Stream& s = stream(side);
  const auto wanted = static_cast<uint32_t>(std::min<size_t>(s.buffer.size() * 2, UINT32_MAX));
  if (s.framed || wanted == 0) {
    needs_.every_byte = true;
  } else if (side == Side::kResponse) {
    needs_.response_head = std::max(needs_.response_head, wanted);
  } else {
    needs_.request_head = std::max(needs_.request_head, wanted);
    needs_.every_byte |= !needs_.uploads;  // the policy asked for the most already
  }
}

// A hole where the parser must see every byte.
void Connection::cut(Side side, uint64_t to, const Moment& moment) {
  Stream& s = stream(side);
  const bool lost = std::exchange(lost_since_hole_, false);
  ++(lost ? context_.counters.holes_lost : context_.counters.holes_cut);
  if (!lost && protocol_ == nullptr && !s.buffer.empty()) {
    ++context_.counters.unclassified;  // as much as we may have, and still no verdict
    context_.advisor.unclassified(facts_);
    give_up();
    return;
  }
  if (!lost && !moment.unreadable && protocol_ != nullptr) {
    ask_for_more(side);
    advise(moment.time_ns);
  }
  const bool answers = side == Side::kResponse && !s.framed && take_cut_response(moment);
  drop_buffer(s);
  s.expect = s.framed || answers ? Expect::kTurnEnd : Expect::kResync;
  s.next = to;
  s.head_end = answers ? to : s.head_end;
  reset_parser(side);
}

// The beginning of an answer's head tells which request it is for; only its size stays unknown.
// True if so: it is over with its turn.
bool Connection::take_cut_response(const Moment& moment) {
  const Stream& s = stream(Side::kResponse);
  Head head;
  head.note = exchanges_.empty() ? uint8_t{0} : exchanges_.front().note;
  return protocol_ != nullptr && !s.buffer.empty() &&
         parser().cut_response(Bytes(s.buffer), head) &&
         on_response(head, s.buffer, nullptr, moment);
}

void Connection::drop_buffer(Stream& s) {
  context_.buffered_bytes -= s.buffer.size();
  s.buffer.clear();
  if (s.buffer.capacity() > kKeptBuffer) {
    s.buffer = {};
  }
}

}  // namespace sonde
