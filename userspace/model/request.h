// SPDX-License-Identifier: Apache-2.0
// Request: one finished exchange, as one end of a connection saw it. All views borrow from the flow
// that made it and are valid during the call that hands it over.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "userspace/model/ids.h"
#include "userspace/model/schema.h"

namespace sonde {

// How an exchange ended.
enum class Outcome : uint8_t {
  kComplete,  // the answer came whole
  kClosed,    // the connection ended before the answer did
  kReset,     // ... by a reset
  kTimeout,   // ... by a time-out
};

// A place for the sink's own note on a combination of values (the series it counts in, say). Kept
// by the flow while exchanges of one connection repeat each other, cleared when they do not.
struct RepeatSlot {
  void* note = nullptr;
  uint64_t version = 0;  // the sink's
};

// What the sink keeps on a connection: it makes one when the connection is met, the flow owns it
// until the connection goes.
class ConnectionNote {
 public:
  virtual ~ConnectionNote() = default;
};

struct Request {
  const Schema* schema = nullptr;
  ConnectionId connection{};
  uint64_t number = 0;  // of the exchange on its connection, from 0
  Role role = Role::kUnknown;
  Pid pid{};
  Outcome outcome = Outcome::kComplete;
  bool unread = false;  // a message of it was counted, not read: what it says is not known
  bool failed = false;  // the answer is an error (in the eyes of this end), or did not come whole

  // Kernel clock (CLOCK_MONOTONIC).
  uint64_t start_ns = 0;           // first byte of the request
  uint64_t first_response_ns = 0;  // first byte of the answer; 0: none came
  uint64_t end_ns = 0;             // last byte of the answer

  uint64_t request_body_bytes = 0;
  uint64_t response_body_bytes = 0;
  bool request_body_known = true;  // false: the size above is not exact (bytes were cut or lost)
  bool response_body_known = true;

  // By the schema's attributes; empty: absent.
  std::array<std::string_view, kMaxAttributes> values{};
  // The raw path that the route is learned from; empty: no route.
  std::string_view path;

  // Not null: where the sink may note what these values mean to it, should they come again.
  RepeatSlot* repeat = nullptr;
  // What the sink keeps on the connection; null: it keeps nothing.
  ConnectionNote* note = nullptr;
};

}  // namespace sonde
