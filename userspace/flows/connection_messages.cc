// SPDX-License-Identifier: Apache-2.0
// Connection, fourth part: heads and the ends of messages, requests paired with answers.
#include <algorithm>

#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr uint64_t kOvertakesBy =
    20'000'000;  // ns: what a thread may lose between its call and our seeing it
constexpr uint64_t kWastedUpload = 4096;  // captured body bytes worth asking for less

}  // namespace

void Connection::on_head(Side side, const Head& head, std::span<const uint8_t> bytes,
                         const KnownHeadRef& known, const Moment& moment) {
  Stream& s = stream(side);
  if (!(side == Side::kRequest ? on_request(head, bytes, known, moment)
                               : on_response(head, bytes, known, moment))) {
    return;
  }
  s.head_end = s.next;
  s.body_captured = 0;
  s.doubtful = head.doubtful;
  context_.counters.framing_doubtful += head.doubtful ? 1 : 0;
  switch (head.length) {
    case Length::kKnown:
      s.expect = Expect::kBody;
      s.body_end = s.next + std::min(head.body_bytes, kMaxBody);
      if (head.body_bytes == 0) {
        body_over(side, moment.time_ns);
      }
      return;
    case Length::kFramed:
      s.framed = true;
      needs_.every_byte = true;
      if (policy_.mode != PolicyMode::kFull) {
        advise(moment.time_ns);
      }
      return;
    case Length::kUntilEnd:
      s.expect = Expect::kStreamEnd;
      return;
    case Length::kUnclear:
      s.expect = Expect::kTurnEnd;
      return;
  }
}

// False: there is no room for it.
bool Connection::on_request(const Head& head, std::span<const uint8_t> bytes,
                            const KnownHeadRef& known, const Moment& moment) {
  Stream& s = stream(Side::kRequest);
  ++context_.counters.requests_begun;
  ++context_.in_flight;
  const bool in_row = !exchanges_.empty() && exchanges_.back().turn == moment.turn;
  Exchange& exchange = exchanges_.push();
  exchange.number = next_number_++;
  exchange.position = s.next - std::min<uint64_t>(head.head_bytes, s.next);
  exchange.start_ns = s.first_ns;
  exchange.head_bytes = head.head_bytes;
  exchange.turn = moment.turn;
  exchange.pid = moment.pid;
  exchange.note = head.note;
  exchange.body_known = head.length == Length::kKnown;
  exchange.body_bytes = exchange.body_known ? head.body_bytes : 0;
  exchange.end = Exchange::kNotOver;
  exchange.asks_leave = head.asks_leave;
  exchange.unread = false;
  exchange.known = known;
  if (known == nullptr) {
    exchange.kept.keep(head, protocol_->schema->attributes, context_.limits.keep_details, bytes);
    context_.buffered_bytes += exchange.kept.size();
  }
  needs_.request_head = std::max(needs_.request_head, head.head_bytes);
  needs_.request_message = std::max(needs_.request_message, head.head_bytes + exchange.body_bytes);
  if (exchanges_.size() > context_.limits.max_pending_requests ||
      context_.buffered_bytes > context_.limits.max_pending_bytes_total) {
    lose_exchanges();
    resync_answers();
    s.expect = Expect::kResync;
    return false;
  }
  if (in_row) {
    needs_.every_byte = true;  // pipelining
    if (policy_.mode != PolicyMode::kFull) {
      advise(moment.time_ns);
    }
  }
  return true;
}

// False: another answer follows.
bool Connection::on_response(const Head& head, std::span<const uint8_t> bytes,
                             const KnownHeadRef& known, const Moment& moment) {
  const Stream& s = stream(Side::kResponse);
  needs_.response_head = std::max(needs_.response_head, head.head_bytes);
  if (head.interim) {
    if (head.gives_leave && !exchanges_.empty()) {
      exchanges_.front().asks_leave = false;
    }
    return false;
  }
  if (answer_.whole) {
    settle();  // one more answer, and the request still moves: nothing waits for it
  }
  // Nothing answers a request that had not begun; only by a moment can the two have been told in
  // the wrong order.
  const bool paired =
      !exchanges_.empty() &&
      (exchanges_.front().position < moment.other_position ||
       (releasing_ && exchanges_.front().start_ns <= moment.time_ns + kOvertakesBy));
  if (!paired) {
    ++context_.counters.answers_unpaired;
    context_.sink.lost(facts_, FlowLoss::kRequest, 1);
  }
  answer_.open = true;
  answer_.paired = paired;
  answer_.first_ns = s.first_ns;
  answer_.failed = facts_.role == Role::kServer ? head.server_failed : head.client_failed;
  answer_.upgrade = head.upgrade;
  answer_.unread = false;
  answer_.pid = moment.pid;
  answer_.known = known;
  if (known == nullptr) {
    answer_.kept.keep(head, protocol_->schema->attributes, context_.limits.keep_details, bytes);
  }
  return true;
}

void Connection::body_over(Side side, uint64_t time_ns) {
  Stream& s = stream(side);
  s.expect = s.doubtful && !s.framed ? Expect::kResync : Expect::kMessage;
  if (!s.framed) {
    needs_.wasted += policy_.mode == PolicyMode::kFull ? s.body_captured : 0;
    message_over(side, time_ns, s.body_end - s.head_end, true);
  }
}

void Connection::message_over(Side side, uint64_t time_ns, uint64_t body_bytes, bool known) {
  if (side == Side::kResponse) {
    on_answer_over(time_ns, body_bytes, known);
    return;
  }
  const Stream& s = stream(side);
  needs_.uploads |= s.body_captured > kWastedUpload;
  if (!exchanges_.empty() && exchanges_.back().number + 1 == next_number_) {
    Exchange& exchange = exchanges_.back();
    exchange.body_bytes = body_bytes;
    exchange.body_known = known;
    exchange.end = s.next;
  }
  if (answer_.whole) {
    settle();
  }
}

void Connection::on_answer_over(uint64_t time_ns, uint64_t body_bytes, bool known) {
  if (answer_.open && answer_.paired) {
    Stream& request = stream(Side::kRequest);
    const bool early = exchanges_.size() == 1 && request.within_message();
    if (early && is_refused(exchanges_.front())) {
      // Whether the body comes nevertheless, its receiver may not know either.
      exchanges_.front().body_bytes = 0;
      exchanges_.front().body_known = true;
      request.framed = false;
      request.expect = Expect::kResync;
      reset_parser(Side::kRequest);
    } else if (early && answer_.upgrade) {
      note_moved_request();
    } else if (early) {
      answer_.whole = true;
      answer_.end_ns = time_ns;
      answer_.body_bytes = body_bytes;
      answer_.body_known = known;
      return;
    }
    finish(Outcome::kComplete, time_ns, body_bytes, known);
  }
  answer_.open = false;
  if (answer_.upgrade && !given_up_) {
    become_other();
  }
}

// It asked for leave to send its body, and was answered without.
bool Connection::is_refused(const Exchange& exchange) const {
  const Stream& request = stream(Side::kRequest);
  return exchange.asks_leave && request.next == request.head_end && request.buffer.empty();
}

// What follows is another protocol: counted, not parsed.
void Connection::become_other() {
  ++context_.counters.upgraded;
  became_other_ = true;
  counted_end_[static_cast<size_t>(asks_)] = stream(Side::kRequest).next;
  counted_end_[static_cast<size_t>(opposite(asks_))] = stream(Side::kResponse).next;
  context_.advisor.count(facts_);
  give_up();
}

void Connection::count_life(Direction direction, uint64_t end) {
  uint64_t& counted = counted_end_[static_cast<size_t>(direction)];
  if (end > counted && end <= kMaxPosition) {
    context_.counters.upgraded_bytes += end - counted;
    counted = end;
  }
}

void Connection::on_invalid(Side side) {
  Stream& s = stream(side);
  context_.counters.framing_doubtful += s.framed ? 1 : 0;
  s.expect = s.framed ? Expect::kTurnEnd : Expect::kResync;
  if (side == Side::kResponse && !s.framed) {
    if (exchanges_.empty()) {
      return;  // the rest of something that began before us
    }
    lose_exchanges();
  }
  if (++failures_ >= kMaxFailures) {
    ++context_.counters.invalid;
    context_.advisor.off(facts_);
    give_up();
  }
}

}  // namespace sonde
