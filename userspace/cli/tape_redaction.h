// SPDX-License-Identifier: Apache-2.0
// TapeRedaction: the filter between the ring and a redacted tape. Keeps a redactor for each
// connection and leads it along both streams by their positions: holes, turns and evictions become
// what a redactor understands. What it has no state for is overwritten whole. The writer's thread.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <list>
#include <memory>

#include "userspace/kernel/record_filter.h"
#include "userspace/model/events.h"
#include "userspace/protocols/redactor.h"

namespace sonde {

class TapeRedaction final : public RecordFilter {
 public:
  // make: the redactor of new connections. Beyond max_connections the one longest silent is
  // forgotten; it is redacted whole until its next turn.
  explicit TapeRedaction(MakeRedactor make, size_t max_connections = 65536);

  // Refuses what is not a sound record: what cannot be understood cannot be redacted.
  bool keep(std::span<uint8_t> record) override;

  size_t connections() const { return connections_.size(); }
  uint64_t evicted() const { return evicted_; }

 private:
  struct Connection {
    ConnectionId id{};
    std::unique_ptr<Redactor> redactor;
    std::array<uint64_t, 2> next{};  // by direction: the stream position that follows what was seen
    std::array<bool, 2> known{};     // ... if anything was
  };
  struct Visitor;
  struct Hash {
    size_t operator()(ConnectionId id) const {
      return static_cast<size_t>(static_cast<uint64_t>(id) * 0x9e3779b97f4a7c15ull);
    }
  };

  // The connection's state, new if need be, moved to the front.
  Connection& at(ConnectionId id);
  void forget(ConnectionId id);
  void redact(const DataMoved& data, std::span<uint8_t> captured);

  const MakeRedactor make_;
  const size_t max_connections_;
  uint64_t evicted_ = 0;
  std::list<Connection> by_use_;  // the latest first
  tsl::robin_map<ConnectionId, std::list<Connection>::iterator, Hash> connections_;
};

}  // namespace sonde
