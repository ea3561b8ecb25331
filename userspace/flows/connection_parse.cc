// SPDX-License-Identifier: Apache-2.0
// Connection, second part: the parser over the bytes that are there.
#include <algorithm>
#include <cstring>

#include "userspace/flows/connection.h"

namespace sonde {
namespace {

constexpr size_t kMaxKnownHead = 1024;  // longer heads are parsed each time

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
  if (protocol_ == nullptr && side == Side::kResponse) {
    s.expect =
        Expect::kResync;  // whoever speaks first is not understood before the other has spoken
    return true;
  }
  uint8_t note = 0;
  if (side == Side::kResponse) {
    if (exchanges_.empty()) {
      const Stream& request = stream(Side::kRequest);
      answered_part_ |= request.expect == Expect::kMessage && !request.buffer.empty();
    } else {
      note = exchanges_.front().note;
    }
  }
  if (!s.framed && s.buffer.empty() && recall(side, in, note, moment)) {
    return true;
  }
  if (protocol_ == nullptr && !classify(in)) {
    return given_up_ || s.expect == Expect::kResync;
  }
  return parse(side, in, note, moment);
}

// What was not there before: the parser reads it.
bool Connection::parse(Side side, Bytes& in, uint8_t note, const Moment& moment) {
  Stream& s = stream(side);
  const std::span<const uint8_t> bytes(in.data(), in.left());
  Head head;
  head.note = note;
  uint64_t skip = 0;
  const Step result = parser().step(side, in, head, skip);
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
      s.expect = s.doubtful ? Expect::kResync : Expect::kMessage;
      message_over(side, moment.time_ns, parser_->body_bytes(side, 0), true);
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
  const KnownHeadRef& known = known_heads_[static_cast<size_t>(side)];
  if (known == nullptr || in.left() < known->bytes.size() ||
      (protocol_ != nullptr && known->protocol != protocol_) ||
      (side == Side::kResponse && known->head.note != note) ||
      std::memcmp(in.data(), known->bytes.data(), known->bytes.size()) != 0) {
    return false;
  }
  if (protocol_ == nullptr) {
    protocol_ = known->protocol;
    failures_ = 0;
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
  Habit* const habit = habit_.get();
  last_head_bytes_[i] = bytes.size();
  if (habit != nullptr) {
    habit->head_bytes[i] = bytes.size();
  }
  if (!likely || head.interim || head.upgrade) {
    return;
  }
  auto known = std::make_shared<KnownHead>();
  known->protocol = protocol_;
  known->bytes.assign(bytes.begin(), bytes.end());
  known->head = head;
  known->kept.keep(head, protocol_->schema->attributes, context_.limits.keep_details, bytes);
  known->head.values = {};
  known->head.path = {};
  known_heads_[i] = std::move(known);
  if (habit != nullptr) {
    habit->heads[i] = known_heads_[i];
  }
}

// Whose connection is it? True: its protocol is known.
bool Connection::classify(Bytes first) {
  bool maybe = false;
  for (const Protocol& protocol : protocols()) {
    const Verdict verdict = protocol.detect(first);
    if (verdict == Verdict::kYes) {
      protocol_ = &protocol;
      failures_ = 0;
      if (Habit* const habit = habit_.get()) {
        habit->protocol = &protocol;
      }
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

// The protocol must be known.
Parser& Connection::parser() {
  if (parser_ == nullptr) {
    parser_ = protocol_->make_parser();
  }
  return *parser_;
}

void Connection::reset_parser(Side side) {
  if (parser_ != nullptr) {
    parser_->reset(side);
  }
}

}  // namespace sonde
