// SPDX-License-Identifier: Apache-2.0
// Connection, second part: the parser over what is there, and the way across what is not.
#include <algorithm>
#include <cstring>
#include <utility>

#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr uint8_t kMaxFailures = 3;  // turns in a row that made no sense
constexpr uint64_t kOvertakesBy =
    20'000'000;  // ns: what a thread may lose between its call and our seeing it
constexpr uint64_t kWastedUpload = 4096;   // captured body bytes worth asking for less
constexpr uint64_t kMaxBody = 1ull << 62;  // positions are below that too: their sums do not wrap
constexpr size_t kKeptBuffer = 4096;       // a stream that needed more gives it back
constexpr size_t kMaxKnownHead = 1024;     // longer heads are parsed each time

}  // namespace

// Bytes that begin at the stream's end.
void Connection::pass_bytes(Side side, std::span<const uint8_t> bytes, const Moment& moment) {
  Stream& s = stream(side);
  while (!bytes.empty() && !given_up_) {
    if (s.buffer.empty()) {
      s.first_ns = moment.time_ns;
      bytes = bytes.subspan(consume(side, bytes, moment));
      if (bytes.empty() || given_up_) {
        return;
      }
    }
    const FlowLimits& limits = context_.limits;
    const size_t room =
        std::min(limits.max_pending_bytes - std::min(limits.max_pending_bytes, s.buffer.size()),
                 limits.max_pending_bytes_total -
                     std::min(limits.max_pending_bytes_total, context_.buffered_bytes));
    const size_t taken = std::min(room, bytes.size());
    if (taken == 0) {
      context_.counters.bytes_dropped += s.buffer.size() + bytes.size();
      cut(side, s.end() + bytes.size(), moment);
      return;
    }
    const bool fresh = s.buffer.empty();
    s.buffer.insert(s.buffer.end(), bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    context_.buffered_bytes += taken;
    bytes = bytes.subspan(taken);
    if (fresh) {
      continue;  // the parser has just seen these and wants more
    }
    // While the buffer is read nobody touches it but give_up, which empties it.
    const size_t used = consume(side, s.buffer, moment);
    if (used != 0 && !given_up_) {
      s.buffer.erase(s.buffer.begin(), s.buffer.begin() + static_cast<std::ptrdiff_t>(used));
      context_.buffered_bytes -= used;
    }
  }
}

// Bytes that begin at s.next; returns how many are done with. The rest begins a message that is not
// whole.
size_t Connection::consume(Side side, std::span<const uint8_t> bytes, const Moment& moment) {
  Stream& s = stream(side);
  Bytes in(bytes);
  while (!in.empty() && !given_up_) {
    const size_t before = in.left();
    if (s.expect == Expect::kMessage) {
      const bool more = !step(side, in, moment);
      if (given_up_) {
        break;
      }
      if (in.left() != before) {
        s.first_ns = moment.time_ns;
      }
      if (more) {
        break;
      }
    } else {
      const uint64_t rest = s.expect == Expect::kBody ? s.body_end - s.next : before;
      const size_t n = static_cast<size_t>(std::min<uint64_t>(rest, before));
      in.skip(n);
      s.next += n;
      s.first_ns = moment.time_ns;
      if (s.expect == Expect::kBody) {
        s.body_captured += n;
        if (n == rest) {
          body_over(side, moment.time_ns);
        }
      }
    }
  }
  return bytes.size() - in.left();
}

// One step of the parser; false: it needs more bytes.
bool Connection::step(Side side, Bytes& in, const Moment& moment) {
  Stream& s = stream(side);
  if (parser_ == nullptr) {
    if (side == Side::kResponse) {
      s.expect =
          Expect::kResync;  // whoever speaks first is not understood before the other has spoken
      return true;
    }
    if (!classify(in)) {
      return given_up_ || s.expect == Expect::kResync;
    }
  }
  const std::span<const uint8_t> bytes(in.data(), in.left());
  Head head;
  if (side == Side::kResponse && !exchanges_.empty()) {
    head.note = exchanges_.front().note;
  }
  if (!s.framed && s.buffer.empty() && recall(side, in, head.note, moment)) {
    return true;
  }
  uint64_t skip = 0;
  const Step result = parser_->step(side, in, head, skip);
  s.next += bytes.size() - in.left();
  switch (result) {
    case Step::kNeedMore:
      return false;
    case Step::kHead:
      if (head.length == Length::kKnown && s.buffer.empty()) {
        remember(side, bytes.first(bytes.size() - in.left()), head);
      }
      on_head(side, head, bytes, nullptr, moment);
      return true;
    case Step::kSkip:
      s.expect = Expect::kBody;
      s.body_end = s.next + std::min(skip, kMaxBody);
      return true;
    case Step::kEnd:
      s.framed = false;
      message_over(side, moment.time_ns, parser_->body_bytes(side), true);
      return true;
    case Step::kInvalid:
      on_invalid(side);
      return true;
  }
  return true;
}

// Do the bytes begin with a head known from before? Then the parser need not see it: it has no
// state between two messages.
bool Connection::recall(Side side, Bytes& in, uint8_t note, const Moment& moment) {
  const KnownHeadRef known = known_heads_[static_cast<size_t>(side)];
  if (known == nullptr || in.left() < known->bytes.size() ||
      (side == Side::kResponse && known->head.note != note) ||
      std::memcmp(in.data(), known->bytes.data(), known->bytes.size()) != 0) {
    return false;
  }
  in.skip(known->bytes.size());
  stream(side).next += known->bytes.size();
  on_head(side, known->head, {}, known, moment);
  return true;
}

// Keeps a head whose length is that of the one before: it may well come again.
void Connection::remember(Side side, std::span<const uint8_t> bytes, const Head& head) {
  const auto i = static_cast<size_t>(side);
  const bool likely = bytes.size() == last_head_bytes_[i] && bytes.size() <= kMaxKnownHead;
  last_head_bytes_[i] = bytes.size();
  if (!likely || head.interim || head.upgrade) {
    return;
  }
  auto known = std::make_shared<KnownHead>();
  known->bytes.assign(bytes.begin(), bytes.end());
  known->head = head;
  known->kept.keep(head, protocol_->schema->attributes.size(), bytes);
  known->head.values = {};
  known->head.path = {};
  known_heads_[i] = std::move(known);
}

// Whose connection is it? True: a parser is there.
bool Connection::classify(Bytes first) {
  bool maybe = false;
  for (const Protocol& protocol : protocols()) {
    const Verdict verdict = protocol.detect(first);
    if (verdict == Verdict::kYes) {
      protocol_ = &protocol;
      parser_ = protocol.make_parser();
      failures_ = 0;
      return true;
    }
    maybe |= verdict == Verdict::kMaybe;
  }
  if (maybe) {
    return false;
  }
  if (midway_ && ++failures_ < kMaxFailures) {
    stream(Side::kRequest).expect = Expect::kResync;
    return false;
  }
  ++context_.counters.unclassified;
  context_.advisor.unclassified(facts_);
  give_up();
  return false;
}

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
  if (!lost && parser_ == nullptr && !s.buffer.empty()) {
    ++context_.counters.unclassified;  // as much as we may have, and still no verdict
    context_.advisor.unclassified(facts_);
    give_up();
    return;
  }
  if (!lost && !moment.unreadable && parser_ != nullptr) {
    ask_for_more(side);
    advise(moment.time_ns);
  }
  const bool answers = side == Side::kResponse && !s.framed && take_cut_response(moment);
  drop_buffer(s);
  s.expect = s.framed || answers ? Expect::kTurnEnd : Expect::kResync;
  s.next = to;
  s.head_end = answers ? to : s.head_end;
  if (parser_ != nullptr) {
    parser_->reset(side);
  }
}

// The beginning of an answer's head tells which request it is for; only its size stays unknown.
// True if so: it is over with its turn.
bool Connection::take_cut_response(const Moment& moment) {
  const Stream& s = stream(Side::kResponse);
  Head head;
  head.note = exchanges_.empty() ? uint8_t{0} : exchanges_.front().note;
  return parser_ != nullptr && !s.buffer.empty() && parser_->cut_response(Bytes(s.buffer), head) &&
         on_response(head, s.buffer, nullptr, moment);
}

void Connection::drop_buffer(Stream& s) {
  context_.buffered_bytes -= s.buffer.size();
  s.buffer.clear();
  if (s.buffer.capacity() > kKeptBuffer) {
    s.buffer = {};
  }
}

void Connection::on_head(Side side, const Head& head, std::span<const uint8_t> bytes,
                         const KnownHeadRef& known, const Moment& moment) {
  Stream& s = stream(side);
  if (!(side == Side::kRequest ? on_request(head, bytes, known, moment)
                               : on_response(head, bytes, known, moment))) {
    return;
  }
  s.head_end = s.next;
  s.body_captured = 0;
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
  exchange.known = known;
  if (known == nullptr) {
    exchange.kept.keep(head, protocol_->schema->attributes.size(), bytes);
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
  if (in_row && policy_.mode != PolicyMode::kFull) {
    needs_.every_byte = true;  // pipelining
    advise(moment.time_ns);
  }
  return true;
}

// False: another answer follows.
bool Connection::on_response(const Head& head, std::span<const uint8_t> bytes,
                             const KnownHeadRef& known, const Moment& moment) {
  const Stream& s = stream(Side::kResponse);
  needs_.response_head = std::max(needs_.response_head, head.head_bytes);
  if (head.interim) {
    return false;
  }
  // Nothing answers a request that had not begun; only by a moment can the two have been told in
  // the wrong order.
  const bool paired =
      !exchanges_.empty() &&
      (exchanges_.front().position < moment.other_position ||
       (releasing_ && exchanges_.front().start_ns <= moment.time_ns + kOvertakesBy));
  context_.counters.answers_unpaired += paired ? 0 : 1;
  answer_.open = true;
  answer_.paired = paired;
  answer_.first_ns = s.first_ns;
  answer_.failed = facts_.role == Role::kServer ? head.server_failed : head.client_failed;
  answer_.upgrade = head.upgrade;
  answer_.pid = moment.pid;
  answer_.known = known;
  if (known == nullptr) {
    answer_.kept.keep(head, protocol_->schema->attributes.size(), bytes);
  }
  return true;
}

void Connection::body_over(Side side, uint64_t time_ns) {
  Stream& s = stream(side);
  s.expect = Expect::kMessage;
  if (!s.framed) {
    message_over(side, time_ns, s.body_end - s.head_end, true);
  }
}

void Connection::message_over(Side side, uint64_t time_ns, uint64_t body_bytes, bool known) {
  if (side == Side::kRequest) {
    // An early answer may have taken the request along.
    if (!exchanges_.empty() && exchanges_.back().number + 1 == next_number_) {
      exchanges_.back().body_bytes = body_bytes;
      exchanges_.back().body_known = known;
    }
    needs_.uploads |= stream(side).body_captured > kWastedUpload;
    return;
  }
  if (answer_.open && answer_.paired) {
    finish(Outcome::kComplete, time_ns, body_bytes, known);
  }
  answer_.open = false;
  if (answer_.upgrade && !given_up_) {
    context_.advisor.off(facts_);
    give_up();
  }
}

void Connection::on_invalid(Side side) {
  Stream& s = stream(side);
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
