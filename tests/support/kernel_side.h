// SPDX-License-Identifier: Apache-2.0
// A stand-in for the kernel side in tests: given a script of socket calls on one connection, it
// makes the events that the kernel side would: turns, positions, policies (obeying the advice it
// gets), totals told late, losses.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/flows/flows.h"

namespace sonde::test {

// What the flows handed on, kept beyond the call.
struct Finished {
  std::string name;  // the schema's
  std::vector<std::string> values;
  std::string path;
  Request request;  // its views are void

  std::string value(std::string_view attribute) const {
    for (size_t i = 0; i < request.schema->attributes.size(); ++i) {
      if (request.schema->attributes[i].name == attribute) {
        return values[i];
      }
    }
    return "?";
  }
};

struct Advice {
  ConnectionId connection{};
  Policy policy;
  bool learn = false;
};

class Recorder : public FlowSink {
 public:
  void request(const Request& request, const ConnectionFacts&) override {
    Finished done{.name = std::string(request.schema->name),
                  .values = {},
                  .path = std::string(request.path),
                  .request = request};
    for (size_t i = 0; i < request.schema->attributes.size(); ++i) {
      done.values.emplace_back(request.values[i]);
    }
    done.request.values = {};
    done.request.path = {};
    finished.push_back(std::move(done));
  }
  void policy(const ConnectionFacts& connection, const Policy& policy, bool learn) override {
    advice.push_back({connection.id, policy, learn});
  }

  std::vector<Finished> finished;
  std::vector<Advice> advice;
};

// One end of a connection. Each call moves bytes; time passes a microsecond with each.
class Kernel {
 public:
  static constexpr uint64_t kTick = 1000;
  static constexpr uint64_t kProbeLimit = 64 * 1024;
  static constexpr uint64_t kProbeHead = 4096;
  static constexpr uint64_t kFullLimit = 1024 * 1024;
  static constexpr uint64_t kCallLimit = 64 * 1024;
  static constexpr uint64_t kEdge = 256;
  static constexpr uint32_t kLookTurns = 4;
  static constexpr uint64_t kLookBytes = 256;

  Kernel(Flows& flows, Recorder& recorder, Role role, uint64_t id = 1)
      : flows_(flows), recorder_(recorder), role_(role), id_(id) {}

  uint64_t now = 1'000'000'000'000;
  uint8_t local_host = 1;  // of 127.0.0.x
  uint16_t local_port = 8080;
  uint16_t remote_port = 40000;
  std::string unix_name;  // not empty: AF_UNIX, the server being so named
  bool obey = true;       // the advice that comes for this connection
  Policy policy;          // in force
  Restraint restraint = Restraint::kNone;
  bool lose_next = false;   // the next record finds no room
  bool delay_next = false;  // the next record comes only with flush()
  uint64_t records = 0;     // sent so far
  uint64_t captured = 0;    // bytes in them

  void open(bool midway = false, uint64_t position_in = 0, uint64_t position_out = 0) {
    position_ = {position_in, position_out};
    ConnectionOpened event;
    event.connection = ConnectionId{id_};
    event.time_ns = event.opened_ns = now;
    event.role = role_;
    event.midway = midway;
    event.local.bytes = {127, 0, 0, local_host};
    event.local.port = local_port;
    event.remote.bytes = {10, 0, 0, 2};
    event.remote.port = remote_port;
    if (!unix_name.empty()) {
      event.local = event.remote = {.bytes = {}, .port = 0, .family = kUnixFamily};
      (role_ == Role::kServer ? event.local : event.remote).bytes = {0xd1, 0x9e, 0x57};
      event.unix_name = unix_name;
    }
    event.pid = Pid{42};
    event.position_in = position_in;
    event.position_out = position_out;
    flows_.on(event);
  }

  // The asking side's and the answering side's calls.
  void ask(std::string_view bytes) { move(asks(), bytes, bytes.size()); }
  void answer(std::string_view bytes) { move(opposite(asks()), bytes, bytes.size()); }
  // Moved without a buffer to read (sendfile).
  void ask_unreadable(uint64_t bytes) { move(asks(), {}, bytes); }
  void answer_unreadable(uint64_t bytes) { move(opposite(asks()), {}, bytes); }

  void move(Direction direction, std::string_view bytes, uint64_t length) {
    now += kTick;
    const auto d = static_cast<size_t>(direction);
    const bool new_turn = turn_ == 0 || direction != direction_;
    if (new_turn) {
      last_turn_bytes_ = turn_bytes_;
      last_turn_end_ns_ = turn_end_ns_;
      next_whole_ =
          policy.mode == PolicyMode::kHead && policy.burst != 0 && turn_bytes_ > policy.burst;
      turn_bytes_ = turn_budget_used_ = 0;
      direction_ = direction;
      ++turn_;
    }
    const uint64_t room = budget(d);
    const bool ship = new_turn || room > 0;
    const uint64_t position = position_[d];
    position_[d] += length;
    turn_bytes_ += length;
    turn_end_ns_ = now;
    const uint64_t cut = std::min<uint64_t>({bytes.size(), room, kCallLimit});
    const uint64_t tail =
        ships_whole() && bytes.size() == length ? std::min(length - cut, kEdge) : 0;
    turn_budget_used_ += std::min(length, room);
    shipped_[d] += std::min(length, room);
    if (!ship || policy.mode == PolicyMode::kOff) {
      return;
    }
    DataMoved event;
    event.connection = ConnectionId{id_};
    event.time_ns = now;
    event.direction = direction;
    event.new_turn = new_turn;
    event.unreadable = bytes.size() < length;
    event.unread = new_turn && restraint == Restraint::kCount;
    event.state = state(d);
    event.position = position;
    event.bytes = static_cast<uint32_t>(length - tail);
    event.pid = Pid{42};
    send(event, bytes.substr(0, cut));
    if (tail != 0) {
      event.new_turn = false;
      event.position += event.bytes;
      event.bytes = static_cast<uint32_t>(tail);
      send(event, bytes.substr(length - tail));
    }
  }

  void flush() {
    for (auto& [event, bytes] : std::exchange(delayed_, {})) {
      event.captured = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
      flows_.on(event);
    }
    follow_advice();
  }

  // What the sweep would tell.
  void sweep() {
    TurnProgress event;
    event.connection = ConnectionId{id_};
    event.time_ns = now;
    event.direction = direction_;
    event.state = state(static_cast<size_t>(direction_));
    event.position = position_[static_cast<size_t>(direction_)];
    event.turn_bytes = turn_bytes_;
    event.turn_last_ns = turn_end_ns_;
    flows_.on(event);
    follow_advice();
  }

  void close(bool reset = false, bool timeout = false) {
    now += kTick;
    ConnectionClosed event;
    event.connection = ConnectionId{id_};
    event.time_ns = now;
    event.reset = reset;
    event.timeout = timeout;
    event.state = state(static_cast<size_t>(direction_));
    event.state.last_turn_bytes = turn_bytes_;
    event.state.last_turn_end_ns = turn_end_ns_;
    event.position_in = position_[0];
    event.position_out = position_[1];
    flows_.on(event);
  }

  uint64_t last_moved_ns() const { return turn_end_ns_; }

 private:
  Direction asks() const { return role_ == Role::kClient ? Direction::kOut : Direction::kIn; }

  bool ships_whole() const {
    return restraint == Restraint::kNone &&
           (policy.mode == PolicyMode::kFull || (policy.mode == PolicyMode::kHead && next_whole_));
  }

  uint64_t budget(size_t direction) const {
    const auto rest = [](uint64_t limit, uint64_t used) { return limit - std::min(limit, used); };
    if (ships_whole()) {
      return std::max(rest(kFullLimit, turn_budget_used_), kEdge);
    }
    const bool probes = policy.mode == PolicyMode::kProbe;
    if (restraint == Restraint::kCount) {
      return probes && turn_ <= kLookTurns ? rest(kLookBytes, turn_budget_used_) : 0;
    }
    if (restraint == Restraint::kHeads && (probes || policy.mode == PolicyMode::kFull)) {
      return rest(kProbeHead, turn_budget_used_);
    }
    switch (policy.mode) {
      case PolicyMode::kProbe:
        return std::max(rest(kProbeLimit, shipped_[direction]),
                        rest(kProbeHead, turn_budget_used_));
      case PolicyMode::kHead:
        return rest(policy.head[direction], turn_budget_used_);
      default:
        return 0;
    }
  }

  TurnState state(size_t direction) const {
    return {.other_position = position_[1 - direction],
            .last_turn_bytes = last_turn_bytes_,
            .last_turn_end_ns = last_turn_end_ns_,
            .turn = turn_,
            .lost_records = lost_};
  }

  void send(DataMoved& event, std::string_view bytes) {
    if (std::exchange(lose_next, false)) {
      ++lost_;
      return;
    }
    ++records;
    captured += bytes.size();
    if (std::exchange(delay_next, false)) {
      delayed_.emplace_back(event, bytes);
      return;
    }
    // A copy of exact size: reading beyond it is caught.
    const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    event.captured = copy;
    flows_.on(event);
    follow_advice();
  }

  void follow_advice() {
    for (; advice_seen_ < recorder_.advice.size(); ++advice_seen_) {
      const Advice& advice = recorder_.advice[advice_seen_];
      if (obey && advice.connection == ConnectionId{id_}) {
        policy = advice.policy;
      }
    }
  }

  Flows& flows_;
  Recorder& recorder_;
  const Role role_;
  const uint64_t id_;
  Direction direction_ = Direction::kIn;
  std::array<uint64_t, 2> position_{};
  std::array<uint64_t, 2> shipped_{};
  uint32_t turn_ = 0;
  uint32_t lost_ = 0;
  uint64_t turn_bytes_ = 0;
  uint64_t turn_end_ns_ = 0;
  uint64_t turn_budget_used_ = 0;
  uint64_t last_turn_bytes_ = 0;
  uint64_t last_turn_end_ns_ = 0;
  bool next_whole_ = false;
  size_t advice_seen_ = 0;
  std::vector<std::pair<DataMoved, std::string>> delayed_;
};

// The ledger must balance at any time.
inline bool balances(const Flows& flows) {
  const FlowCounters& c = flows.counters();
  return c.requests_begun ==
         c.requests_finished + c.requests_unanswered + c.requests_lost + flows.in_flight();
}

}  // namespace sonde::test
