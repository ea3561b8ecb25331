// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/connection.h"

#include <algorithm>
#include <utility>

namespace sonde {
namespace {

constexpr size_t kMaxHeld = 64;  // records that wait for the request they answer
constexpr uint8_t kMaxUnclaimedTurns =
    6;  // of a connection met midway, before it is called unclassified

// Zero bytes as other tools show them.
std::string path_of(std::string_view unix_name) {
  std::string path(unix_name);
  std::ranges::replace(path, '\0', '@');
  return path;
}

}  // namespace

Connection::Connection(FlowContext& context, const ConnectionFacts& facts)
    : context_(context), facts_(facts) {
  for (Stream& one : streams_) {
    one.expect = Expect::kResync;
  }
}

Connection::~Connection() {
  answer_.whole = false;  // nobody is to be told any more
  lose_exchanges();
  drop_buffer(streams_[0]);
  drop_buffer(streams_[1]);
  context_.buffered_bytes -= held_bytes_;
}

void Connection::open(const ConnectionOpened& event) {
  facts_ = {.id = event.connection,
            .role = event.role,
            .local = event.local,
            .remote = event.remote,
            .pid = event.pid,
            .network_namespace = event.network_namespace,
            .near_end = event.near_end,
            .far_end = event.far_end,
            .unix_path = path_of(event.unix_name)};
  note_ = context_.sink.met(facts_);
  take_up_habit();
  asks_ = event.role == Role::kClient ? Direction::kOut : Direction::kIn;
  midway_ = event.midway || event.role == Role::kUnknown;
  stream(side_of(Direction::kIn)).next = std::min(event.position_in, kMaxPosition);
  stream(side_of(Direction::kOut)).next = std::min(event.position_out, kMaxPosition);
  for (Stream& one : streams_) {
    one.expect = midway_ ? Expect::kResync : Expect::kMessage;
  }
  const uint64_t opened_ns = event.opened_ns != 0 ? event.opened_ns : event.time_ns;
  if (const auto inherited = context_.advisor.inherited(facts_, opened_ns)) {
    policy_ = *inherited;
    advisor_version_ = context_.advisor.version();
  }
}

// What earlier connections of the endpoint taught.
void Connection::take_up_habit() {
  habit_ = context_.habits.of(facts_);
  if (const Habit* habit = habit_.get()) {
    known_heads_ = habit->heads;
    last_head_bytes_ = habit->head_bytes;
    repeat_heads_ = habit->repeated;
    repeat_ = habit->repeat;
    repeat_pid_ = habit->repeat_pid;
  }
}

void Connection::take(const DataMoved& event) {
  if (became_other_) {
    count_life(event.direction, event.position + event.bytes);
    count_life(opposite(event.direction), event.state.other_position);
    return;
  }
  if (given_up_ || event.bytes == 0 || event.position > kMaxPosition ||
      (facts_.role == Role::kUnknown && !find_sides(event))) {
    return;
  }
  note_losses(event.state.lost_records);
  if (event.state.turn >= turn_) {
    turn_ = event.state.turn;
    turn_direction_ = event.direction;
  }
  if (event.new_turn) {
    turn_over(event);
  }
  if (!given_up_ && side_of(event.direction) == Side::kResponse &&
      (!held_.empty() || answers_unseen_request(event))) {
    hold(event);
    return;
  }
  feed(event);
  release_held(false);
  if (early_.turn != 0 && !given_up_ && !became_other_) {
    tell_early();
  }
  if (became_other_) {
    count_life(event.direction, event.position + event.bytes);
  }
}

void Connection::take(const TurnProgress& event) {
  if (became_other_) {
    count_life(event.direction, event.position);
    return;
  }
  if (given_up_ || facts_.role == Role::kUnknown) {
    return;
  }
  note_losses(event.state.lost_records);
  if (event.state.turn > turn_) {
    // By a sweep, which overtakes what waits in the ring.
    early_ = {event.state.turn, event.direction, event.position, event.turn_last_ns};
    return;
  }
  tell(side_of(event.direction), event.position, event.turn_last_ns);
}

// A turn that a sweep told of has begun. If it is over already, the next one's record has told all.
void Connection::tell_early() {
  if (early_.turn == turn_) {
    tell(side_of(early_.direction), early_.position, early_.time_ns);
  }
  if (early_.turn <= turn_) {
    early_ = {};
  }
}

void Connection::close(const ConnectionClosed& event) {
  if (became_other_) {
    count_life(Direction::kIn, event.position_in);
    count_life(Direction::kOut, event.position_out);
    return;
  }
  if (given_up_) {
    return;
  }
  if (facts_.role == Role::kUnknown || protocol_ == nullptr) {
    context_.counters.unclassified += stream(Side::kRequest).buffer.empty() ? 0 : 1;
    return;
  }
  note_losses(event.state.lost_records);
  release_held(true);
  const Stream& response = stream(Side::kResponse);
  // Turns alternate, so the number of the last one says whose it was.
  const bool same = ((event.state.turn - turn_) & 1) == 0;
  const Direction last = same ? turn_direction_ : opposite(turn_direction_);
  const auto end_ns = [&](Direction direction) {
    return last == direction ? event.state.last_turn_end_ns : event.time_ns;
  };
  for (const Direction direction : {asks_, opposite(asks_)}) {
    const Side side = side_of(direction);
    const uint64_t position = direction == Direction::kIn ? event.position_in : event.position_out;
    tell(side, position, end_ns(direction));
    const uint64_t end = std::min(position, kMaxPosition);
    if (!given_up_ && end > stream(side).end()) {
      pass_hole(side, end, {.time_ns = end_ns(direction)});
    }
    end_with_turn(side);
  }
  if (given_up_) {
    return;
  }
  const Outcome cut_off = event.reset     ? Outcome::kReset
                          : event.timeout ? Outcome::kTimeout
                                          : Outcome::kClosed;
  if (answer_.whole) {
    settle();
  }
  note_moved_request();
  if (answer_.open && answer_.paired) {
    const bool over = response.expect == Expect::kStreamEnd && !event.reset && !event.timeout;
    if (response.expect == Expect::kStreamEnd) {
      finish(over ? Outcome::kComplete : cut_off, std::max(response.told_ns, answer_.first_ns),
             moved_body(Side::kResponse), true);
    } else {
      finish(cut_off, event.time_ns, moved_body(Side::kResponse), true);
    }
  }
  if (response.expect == Expect::kResync) {
    lose_exchanges();  // their answers may well have come, in the hole
  }
  while (!exchanges_.empty()) {
    ++context_.counters.requests_unanswered;
    hand_on(exchanges_.front(), nullptr, cut_off, event.time_ns, 0, true);
    pop_exchange();
  }
}

bool Connection::waits() const {
  const Side last = answer_.whole ? Side::kRequest : Side::kResponse;
  return answer_.open && answer_.paired && stream(last).expect == Expect::kBody;
}

// The turn before this record's was the other direction's, and is over.
void Connection::turn_over(const DataMoved& event) {
  const Side side = side_of(opposite(event.direction));
  tell(side, event.state.other_position, event.state.last_turn_end_ns);
  end_with_turn(side);
}

// A stream is known to have come to that position by that time: bodies may be over that nobody saw
// the end of.
void Connection::tell(Side side, uint64_t position, uint64_t time_ns) {
  Stream& s = stream(side);
  if (position <= s.told_end || position > kMaxPosition) {
    return;
  }
  s.told_end = position;
  s.told_ns = time_ns;
  if (s.expect == Expect::kBody && s.body_end <= position) {
    s.next = s.body_end;
    body_over(side, time_ns);
  } else if (s.expect == Expect::kBody || s.expect == Expect::kStreamEnd ||
             s.expect == Expect::kTurnEnd) {
    s.next = std::max(s.next, position);
  }
}

// If the end of a message cannot be found: it is over with its turn.
void Connection::end_with_turn(Side side) {
  Stream& s = stream(side);
  if (given_up_ || s.expect != Expect::kTurnEnd) {
    return;
  }
  s.framed = false;
  // What an answer hid behind it is unknown; a request most likely nothing.
  s.expect = side == Side::kResponse ? Expect::kResync : Expect::kMessage;
  message_over(side, std::max(s.told_ns, s.first_ns), s.next - std::min(s.head_end, s.next), false);
}

// Two threads may be seen in the wrong order: the answer's before the request's. If the kernel side
// had seen the request by then, the positions tell; if not, all there is to see is an answer to
// nothing.
bool Connection::answers_unseen_request(const DataMoved& event) const {
  const Stream& request = stream(Side::kRequest);
  const bool in_order = request.expect == Expect::kMessage || request.expect == Expect::kBody;
  if (!in_order || !exchanges_.empty() || lost_since_hole_ || !stream(Side::kResponse).idle() ||
      event.state.other_position > kMaxPosition) {
    return false;
  }
  return request.end() < event.state.other_position ||
         (request.idle() && looks_like_answer(event.captured));
}

bool Connection::looks_like_answer(std::span<const uint8_t> bytes) const {
  if (protocol_ == nullptr) {
    return false;
  }
  Bytes in(bytes);
  Head head;
  uint64_t skip = 0;
  return !in.empty() &&
         protocol_->make_parser()->step(Side::kResponse, in, head, skip) == Step::kHead;
}

void Connection::hold(const DataMoved& event) {
  const size_t size = event.captured.size();
  if (held_.size() >= kMaxHeld || held_bytes_ + size > context_.limits.max_pending_bytes ||
      context_.buffered_bytes + size > context_.limits.max_pending_bytes_total) {
    release_held(true);
    feed(event);
    return;
  }
  held_.push_back({.event = event, .captured = {event.captured.begin(), event.captured.end()}});
  held_.back().event.captured = held_.back().captured;  // a move of the vector keeps it valid
  held_bytes_ += size;
  context_.buffered_bytes += size;
}

void Connection::release_held(bool all) {
  while (!held_.empty() && (all || !answers_unseen_request(held_.front().event))) {
    Held front = std::move(held_.front());
    held_.erase(held_.begin());
    held_bytes_ -= front.captured.size();
    context_.buffered_bytes -= front.captured.size();
    releasing_ = true;
    feed(front.event);
    releasing_ = false;
  }
}

void Connection::feed(const DataMoved& event) {
  if (given_up_) {
    return;
  }
  const Side side = side_of(event.direction);
  Stream& s = stream(side);
  const uint64_t end = event.position + event.bytes;
  if (end <= s.end()) {
    return;
  }
  const Moment moment{.time_ns = event.time_ns,
                      .other_position = event.state.other_position,
                      .turn = event.state.turn,
                      .pid = event.pid};
  if (event.position > s.end()) {
    pass_hole(side, event.position, moment);
    if (event.new_turn) {
      end_with_turn(side);
    }
  }
  if (given_up_) {
    return;
  }
  if (midway_ && protocol_ == nullptr && event.new_turn && !s.buffer.empty()) {
    // The end of something that began before us, not the beginning of this.
    s.next = s.end();
    drop_buffer(s);
    s.expect = Expect::kResync;
  }
  if (side == Side::kRequest && event.new_turn && std::exchange(answered_part_, false)) {
    // The answer to it was its end, too: what comes now is no more of that head.
    s.next = s.end();
    drop_buffer(s);
    reset_parser(side);
  }
  if (s.expect == Expect::kResync) {
    if (!event.new_turn || event.position < s.end()) {
      s.next = std::max(s.next, end);
      return;
    }
    resync(side, event);
  }
  if (event.unread && s.expect == Expect::kMessage && event.position == s.end()) {
    take_unread(side, event, moment);
    return;
  }
  const uint64_t known = s.end() - std::min(event.position, s.end());
  std::span<const uint8_t> bytes =
      event.captured.first(std::min<size_t>(event.captured.size(), event.bytes));
  bytes = bytes.subspan(std::min<size_t>(known, bytes.size()));
  pass_bytes(side, bytes, moment);
  if (!given_up_ && s.end() < end) {
    Moment tail = moment;
    tail.unreadable = event.unreadable || event.unread;
    pass_hole(side, end, tail);
  }
  if (!given_up_ && s.expect == Expect::kBody &&
      s.body_end <= s.told_end) {  // told before this record came
    s.next = s.body_end;
    body_over(side, s.told_ns);
  }
}

// A turn begins behind a hole: what it begins with is a message again. Which answers belong to the
// requests before the hole is not known any more, so they are lost rather than paired with the
// wrong ones.
void Connection::resync(Side side, const DataMoved& event) {
  Stream& s = stream(side);
  s.expect = Expect::kMessage;
  s.framed = false;
  s.next = event.position;
  if (side == Side::kRequest) {
    lose_exchanges();
    release_held(true);
    resync_answers();
    return;
  }
  if (answer_.whole) {
    settle();
  }
  // Only the requests of the turn just ended, whole or their ends, can still be answered.
  const TurnState& state = event.state;
  const uint64_t turn_begin =
      state.other_position - std::min(state.last_turn_bytes, state.other_position);
  while (!exchanges_.empty() && exchanges_.front().end <= turn_begin) {
    lose_front();
  }
}

// Which request the next answer is for is not known: unless one is being received, wait for the
// next turn.
void Connection::resync_answers() {
  Stream& response = stream(Side::kResponse);
  if (response.expect == Expect::kMessage && !response.framed) {
    drop_buffer(response);
    response.expect = Expect::kResync;
    reset_parser(Side::kResponse);
  }
}

void Connection::note_losses(uint32_t lost_records) {
  if (lost_records > lost_records_) {
    context_.sink.lost(facts_, FlowLoss::kRecord, lost_records - lost_records_);
    lost_records_ = lost_records;
    lost_since_hole_ = true;
  }
}

// Of a connection whose role nobody told: who sends a request is the client. False: not known yet.
bool Connection::find_sides(const DataMoved& event) {
  if (!event.new_turn || event.captured.empty()) {
    return false;
  }
  for (const Protocol& protocol : protocols()) {
    if (protocol.detect(Bytes(event.captured)) == Verdict::kYes) {
      facts_.role = event.direction == Direction::kIn ? Role::kServer : Role::kClient;
      if (asks_ != event.direction) {
        asks_ = event.direction;
        std::swap(streams_[0], streams_[1]);
      }
      return true;
    }
  }
  if (++failures_ >= kMaxUnclaimedTurns) {
    ++context_.counters.unclassified;
    context_.advisor.unclassified(facts_);
    give_up();
  }
  return false;
}

}  // namespace sonde
