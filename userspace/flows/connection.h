// SPDX-License-Identifier: Apache-2.0
// Connection: one end of one connection. Puts the records of both directions in place, drives the
// parser over what is there, bridges what is not, pairs requests with answers.
// docs/architecture/flows.md tells how.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "userspace/flows/advisor.h"
#include "userspace/flows/exchanges.h"
#include "userspace/flows/flows.h"
#include "userspace/flows/habits.h"
#include "userspace/flows/server_names.h"
#include "userspace/flows/stream.h"
#include "userspace/protocols/protocol.h"

namespace sonde {

constexpr uint8_t kMaxFailures = 3;            // turns in a row that made no sense
constexpr uint64_t kMaxPosition = 1ull << 62;  // beyond: no stream of this world
constexpr uint64_t kMaxBody = 1ull << 62;      // sums of the two do not wrap

// What the connections of a shard share.
struct FlowContext {
  FlowSink& sink;
  const FlowLimits limits;
  FlowCounters counters;
  Advisor advisor;
  ServerNames server_names;
  Habits habits;
  uint64_t in_flight = 0;
  size_t buffered_bytes = 0;  // of all connections, held records included
};

class Connection {
 public:
  Connection(FlowContext& context, const ConnectionFacts& facts);
  // Requests that still wait are counted as lost.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void open(const ConnectionOpened& event);
  void take(const DataMoved& event);
  void take(const TurnProgress& event);
  void close(const ConnectionClosed& event);

  // Some exchange waits for an end that only the sweep can tell.
  bool waits() const;
  void each_pending(const Flows::Pending& f) const;
  const ConnectionFacts& facts() const { return facts_; }

  // Neighbours in the order of last use, kept by Flows.
  Connection* newer = nullptr;
  Connection* older = nullptr;
  bool counted_as_waiting = false;

 private:
  // What the record at hand says of itself.
  struct Moment {
    uint64_t time_ns = 0;
    uint64_t other_position = 0;
    uint32_t turn = 0;
    Pid pid{};
    bool unreadable = false;  // no policy would have shipped what is missing
  };
  // A response record that came before the request it answers.
  struct Held {
    DataMoved event;
    std::vector<uint8_t> captured;
  };
  // The answer being received, to the front of the queue.
  struct Answer {
    bool open = false;
    bool paired = false;  // its request is known
    // It came whole before its request did: the exchange is over when the request is.
    bool whole = false;
    uint64_t first_ns = 0;
    uint64_t end_ns = 0;  // with whole
    uint64_t body_bytes = 0;
    bool body_known = false;
    bool failed = false;
    bool upgrade = false;
    bool unread = false;  // counted, not read
    Pid pid{};
    KnownHeadRef known;  // null: the values are in kept
    KeptValues kept;

    const KeptValues& head() const { return known ? known->kept : kept; }
  };

  // connection.cc: records and turns.
  void take_up_habit();
  void turn_over(const DataMoved& event);
  void tell_early();
  void tell(Side side, uint64_t position, uint64_t time_ns);
  void end_with_turn(Side side);
  bool answers_unseen_request(const DataMoved& event) const;
  bool looks_like_answer(std::span<const uint8_t> bytes) const;
  void hold(const DataMoved& event);
  void release_held(bool all);
  void feed(const DataMoved& event);
  void resync(Side side, const DataMoved& event);
  void resync_answers();
  void note_losses(uint32_t lost_records);
  bool find_sides(const DataMoved& event);

  // connection_parse.cc: the bytes that are there.
  void pass_bytes(Side side, std::span<const uint8_t> bytes, const Moment& moment);
  size_t consume(Side side, std::span<const uint8_t> bytes, const Moment& moment);
  bool step(Side side, Bytes& in, const Moment& moment);
  bool parse(Side side, Bytes& in, uint8_t note, const Moment& moment);
  bool recall(Side side, Bytes& in, uint8_t note, const Moment& moment);
  void remember(Side side, std::span<const uint8_t> bytes, const Head& head);
  bool classify(Bytes first);
  Parser& parser();
  void reset_parser(Side side);

  // connection_holes.cc: the bytes that are not.
  void pass_hole(Side side, uint64_t to, const Moment& moment);
  void cut(Side side, uint64_t to, const Moment& moment);
  bool take_cut_response(const Moment& moment);
  void ask_for_more(Side side);
  void drop_buffer(Stream& stream);

  // connection_unread.cc: turns that are counted, not read.
  void take_unread(Side side, const DataMoved& event, const Moment& moment);
  bool knows_protocol(Side side, std::span<const uint8_t> bytes);

  // connection_messages.cc: heads, ends, pairs.
  // known: the head was recalled, and bytes is empty; else null.
  void on_head(Side side, const Head& head, std::span<const uint8_t> bytes,
               const KnownHeadRef& known, const Moment& moment);
  bool on_request(const Head& head, std::span<const uint8_t> bytes, const KnownHeadRef& known,
                  const Moment& moment);
  bool on_response(const Head& head, std::span<const uint8_t> bytes, const KnownHeadRef& known,
                   const Moment& moment);
  void body_over(Side side, uint64_t time_ns);
  void message_over(Side side, uint64_t time_ns, uint64_t body_bytes, bool known);
  void on_answer_over(uint64_t time_ns, uint64_t body_bytes, bool known);
  bool is_refused(const Exchange& exchange) const;
  void become_other();
  void count_life(Direction direction, uint64_t end);
  void on_invalid(Side side);

  // connection_finish.cc: exchanges and advice.
  void finish(Outcome outcome, uint64_t time_ns, uint64_t body_bytes, bool known);
  void settle();
  uint64_t moved_body(Side side) const;
  void note_moved_request();
  void hand_on(const Exchange& exchange, const Answer* answer, Outcome outcome, uint64_t time_ns,
               uint64_t body_bytes, bool known);
  bool repeats(const Exchange& exchange, const Answer* answer, Outcome outcome, Pid pid);
  void tell_server(const Schema& schema, Request& request);
  bool admits(std::string_view name, std::string_view port);
  void pop_exchange();
  void lose_exchanges();
  void lose_front();
  void advise(uint64_t now_ns);
  void give_up();
  std::string_view server_address();
  std::string_view server_port();

  Stream& stream(Side side) { return streams_[static_cast<size_t>(side)]; }
  const Stream& stream(Side side) const { return streams_[static_cast<size_t>(side)]; }
  Side side_of(Direction direction) const {
    return direction == asks_ ? Side::kRequest : Side::kResponse;
  }

  FlowContext& context_;
  ConnectionFacts facts_;
  std::unique_ptr<ConnectionNote> note_;  // the sink's
  Direction asks_ = Direction::kIn;       // where requests go; valid once the role is known
  bool midway_ = true;                    // streams may begin in the middle of a message
  bool given_up_ = false;
  bool became_other_ = false;              // given up for an upgrade or a tunnel
  bool answered_part_ = false;             // an answer came to a part of a request's head
  std::array<uint64_t, 2> counted_end_{};  // by direction: with became_other_, counted to here
  uint8_t failures_ = 0;  // in a row: turns that no protocol claims, or that made no sense
  const Protocol* protocol_ = nullptr;  // null: not known yet
  std::unique_ptr<Parser> parser_;      // null: nothing had to be parsed yet
  std::array<Stream, 2> streams_;
  ExchangeQueue exchanges_;
  Answer answer_;
  uint64_t next_number_ = 0;
  uint32_t lost_records_ = 0;  // as told last
  bool lost_since_hole_ = false;
  uint32_t turn_ = 0;  // the latest seen, and its direction
  Direction turn_direction_ = Direction::kIn;
  // Of a turn whose first record has not come yet: how far it is. No turn is 0.
  struct Early {
    uint32_t turn = 0;
    Direction direction = Direction::kIn;
    uint64_t position = 0;
    uint64_t time_ns = 0;
  };
  Early early_;
  std::vector<Held> held_;
  size_t held_bytes_ = 0;
  bool releasing_ = false;                    // the record at hand was held
  Habits::Hold habit_;                        // of the endpoint; the next five begin with it
  std::array<KnownHeadRef, 2> known_heads_;   // by side
  std::array<size_t, 2> last_head_bytes_{};   // by side: the length that came last
  RepeatSlot repeat_;                         // what the sink noted on the exchange handed on last
  std::array<KnownHeadRef, 2> repeat_heads_;  // ... whose heads were these
  Pid repeat_pid_{};
  Policy policy_;
  Needs needs_;
  uint32_t advisor_version_ = 0;
  std::string admitted_name_;  // the server's, as it was called last
  std::string admitted_port_;
  std::string address_text_;
  std::string port_text_;
};

}  // namespace sonde
