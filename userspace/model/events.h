// SPDX-License-Identifier: Apache-2.0
// Typed events: what the kernel side saw, decoded and checked (userspace/sources makes them of raw
// records). Views borrow from the record; they live during the call that hands them over. Times are
// the kernel's monotonic clock.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "userspace/model/ids.h"

namespace sonde {

// Address::family of an AF_UNIX socket; its name stands apart (ConnectionOpened::unix_name).
constexpr uint8_t kUnixFamily = 1;

// An address and port; IPv4 in the first four bytes. Of AF_UNIX, bytes is a digest of the name: of
// equal names it is equal; zero if there is none.
struct Address {
  std::array<uint8_t, 16> bytes{};
  uint16_t port = 0;
  uint8_t family = 4;  // 4, 6 or kUnixFamily
  bool operator==(const Address&) const = default;
};

// Facts about the turns of a connection, told with each of its records (bpf/shared/records.h).
struct TurnState {
  uint64_t other_position = 0;  // where the other direction's stream stood
  uint64_t last_turn_bytes =
      0;  // true length of the turn before this one; valid with new_turn and in Closed
  uint64_t last_turn_end_ns = 0;  // when its last byte moved
  uint32_t turn = 0;              // number of this turn, from 1
  uint32_t lost_records = 0;      // records of this connection that found no room, so far
};

// A connection is about to tell its first bytes.
struct ConnectionOpened {
  ConnectionId connection{};
  uint64_t time_ns = 0;
  Role role = Role::kUnknown;
  bool midway = false;  // it was open before we came: positions do not start at zero
  Address local;
  Address remote;
  Pid pid{};
  uint32_t network_namespace = 0;
  uint32_t sequence_in = 0;
  uint32_t sequence_out = 0;
  uint64_t position_in = 0;
  uint64_t position_out = 0;
  uint64_t opened_ns = 0;  // when it was established; 0: not seen
  // Names of the two ends of the connection, the same whichever end tells them: what one calls
  // near, the other calls far. 0: not known.
  uint64_t near_end = 0;
  uint64_t far_end = 0;
  // AF_UNIX: the name that was listened on, as it was bound: a path, or a zero byte and an abstract
  // name. Of a socketpair there is none.
  std::string_view unix_name;
};

// Bytes of a turn: the range [position, position + bytes) of the direction's stream, the first of
// it captured.
struct DataMoved {
  ConnectionId connection{};
  uint64_t time_ns = 0;
  Direction direction = Direction::kIn;
  bool new_turn = false;
  bool unreadable = false;  // bytes of the range could not be read (sent from a file, say)
  bool unread = false;      // with new_turn: the turn is counted only (see Restraint)
  TurnState state;
  uint64_t position = 0;
  uint32_t bytes = 0;
  std::span<const uint8_t> captured;  // at most bytes long
  Pid pid{};
  uint32_t tid = 0;
};

// Where a running turn stands that has moved since its last record.
struct TurnProgress {
  ConnectionId connection{};
  uint64_t time_ns = 0;
  Direction direction = Direction::kIn;
  TurnState state;
  uint64_t position = 0;    // end of the direction's stream so far
  uint64_t turn_bytes = 0;  // length of the turn so far
  uint64_t turn_last_ns = 0;
};

struct ConnectionClosed {
  ConnectionId connection{};
  uint64_t time_ns = 0;
  bool reset = false;
  bool timeout = false;
  TurnState state;  // last_turn_* are those of the last turn
  uint64_t position_in = 0;
  uint64_t position_out = 0;
};

enum class ProcessChange : uint8_t { kFork = 1, kExec = 2, kExit = 3 };

struct ProcessChanged {
  uint64_t time_ns = 0;
  ProcessChange change = ProcessChange::kExec;
  Pid pid{};
  Pid parent{};
  uint32_t uid = 0;
  uint64_t cgroup = 0;
  std::string_view name;
  // Of an exec, as far as the kernel side could read it. What they hold may be secret.
  std::string_view executable = {};   // path, or file name; empty: not known
  std::string_view arguments = {};    // words, each with a zero byte behind it; may be cut
  std::string_view environment = {};  // NAME=value, likewise
  bool environment_cut = false;       // there was more
};

using Event =
    std::variant<ConnectionOpened, DataMoved, TurnProgress, ConnectionClosed, ProcessChanged>;

}  // namespace sonde
