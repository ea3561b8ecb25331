// SPDX-License-Identifier: Apache-2.0
// Flows: every connection of one shard. Takes events, finds the protocol, drives its parser over
// both streams (with their holes), pairs requests with answers, and advises the kernel side how
// many bytes it still needs. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "userspace/model/events.h"
#include "userspace/model/policy.h"
#include "userspace/model/request.h"

namespace sonde {

// Who is at the two ends of a connection; kept for its life.
struct ConnectionFacts {
  ConnectionId id{};
  Role role = Role::kUnknown;
  Address local{};
  Address remote{};
  Pid pid{};
  uint32_t network_namespace = 0;
  uint64_t near_end = 0;  // see ConnectionOpened
  uint64_t far_end = 0;
  std::string unix_path = {};  // AF_UNIX: what was listened on; an abstract name begins with @
};

// What is known to be missing.
enum class FlowLoss : uint8_t {
  kAnswer,   // a request was seen, its answer was lost
  kRequest,  // an answer was seen, its request was not
  kRecord,   // a record of the connection found no room in the ring: who knows what it held
};
inline constexpr size_t kFlowLosses = 3;

// Where the flows put what they find.
class FlowSink {
 public:
  virtual ~FlowSink() = default;
  // A connection is met; what is returned goes with it.
  virtual std::unique_ptr<ConnectionNote> met(const ConnectionFacts& /*connection*/) {
    return nullptr;
  }
  // A finished exchange. Everything it points to lives during the call.
  virtual void request(const Request& request, const ConnectionFacts& connection) = 0;
  // A finished exchange whose values are those of the last one handed over with this slot, in which
  // request() left a note; they are left out. False: hand it over in full.
  virtual bool repeated(const Request& /*request*/, const ConnectionFacts& /*connection*/) {
    return false;
  }
  virtual void lost(const ConnectionFacts& /*connection*/, FlowLoss /*what*/, uint64_t /*count*/) {}
  // The policy this connection should have; if learn, also later ones of the same endpoint.
  virtual void policy(const ConnectionFacts& connection, const Policy& policy, bool learn) = 0;
};

struct FlowLimits {
  size_t max_connections = 65536;
  size_t max_pending_bytes =
      size_t{64} * 1024 + 4096;  // one direction of one connection: a whole head
  size_t max_pending_bytes_total = size_t{64} * 1024 * 1024;
  size_t max_pending_requests = 4096;  // unanswered, on one connection
  bool keep_details = false;  // attributes that only spans want; without spans they are not copied
};

// The flows' part of the loss ledger. X(name, help)
#define SONDE_FLOW_COUNTERS(X)                                                            \
  X(events, "events taken")                                                               \
  X(requests_begun, "request heads seen")                                                 \
  X(requests_finished, "exchanges handed on with their answer")                           \
  X(requests_unanswered, "exchanges handed on whose connection ended before the answer")  \
  X(requests_lost, "requests begun whose answer was lost (by a hole, a limit or damage)") \
  X(answers_unpaired, "answers whose request was not seen")                               \
  X(requests_unread, "exchanges handed on of which a message was counted, not read")      \
  X(turns_unread_unknown,                                                                 \
    "turns that were counted, not read, of connections whose protocol is not known")      \
  X(holes_cut, "holes in a stream by policy, where a head or frame was expected")         \
  X(holes_lost, "holes in a stream by lost records, where a head or frame was expected")  \
  X(framing_doubtful,                                                                     \
    "messages framed so that receivers may disagree: what stands behind them in their "   \
    "turn is not believed")                                                               \
  X(upgraded, "connections that became something else (an upgrade, a tunnel)")            \
  X(upgraded_bytes, "bytes that moved on these afterwards, both ways, not looked at")     \
  X(server_names_replaced,                                                                \
    "exchanges whose server name was one too many for its listener: told by address")     \
  X(invalid, "connections that stopped making sense and were given up")                   \
  X(unclassified, "connections that no protocol claims")                                  \
  X(connections_evicted, "connections dropped for room")                                  \
  X(bytes_dropped, "captured bytes dropped for room")

struct FlowCounters {
#define X(name, help) uint64_t name = 0;
  SONDE_FLOW_COUNTERS(X)
#undef X
};

class Flows {
 public:
  // sink must outlive the flows.
  Flows(FlowSink& sink, const FlowLimits& limits);
  ~Flows();
  Flows(const Flows&) = delete;
  Flows& operator=(const Flows&) = delete;

  // Any event of a connection; process events are ignored. Unknown connections are met with what is
  // known.
  void on(const ConnectionOpened& event);
  void on(const DataMoved& event);
  void on(const TurnProgress& event);
  void on(const ConnectionClosed& event);

  // True if some exchange waits for the end of a turn that only the sweep can tell (an answer whose
  // body is longer than what was shipped, on a connection that fell silent).
  bool wants_sweep() const;

  size_t connections() const;
  // requests_begun = finished + unanswered + lost + in_flight, at any time.
  uint64_t in_flight() const;
  const FlowCounters& counters() const;

  // Calls f for each exchange that waits for its answer, or for the end of it: what is known of the
  // request. As dear as there are connections; for snapshots.
  using Pending = std::function<void(const Request&, const ConnectionFacts&)>;
  void each_pending(const Pending& f) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sonde
