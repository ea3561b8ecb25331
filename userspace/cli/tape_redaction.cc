// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/tape_redaction.h"

#include <algorithm>
#include <cstring>

#include "userspace/sources/decode.h"

namespace sonde {

struct TapeRedaction::Visitor {
  TapeRedaction& redaction;
  std::span<uint8_t> record;

  void on(const DataMoved& data) const {
    redaction.redact(data, record.subspan(sizeof(sonde_data_record), data.captured.size()));
  }
  void on(const ConnectionOpened& open) const {
    redaction.forget(open.connection);
    Connection& connection = redaction.at(open.connection);
    connection.next = {open.position_in, open.position_out};
    connection.known = {true, true};
    if (!open.midway) {
      connection.redactor->turn(Direction::kIn);
      connection.redactor->turn(Direction::kOut);
    }
  }
  void on(const ConnectionClosed& closed) const { redaction.forget(closed.connection); }
  void on(const TurnProgress& /*progress*/) const {}
  void on(const ProcessChanged& change) const {
    if (record.size() >= sizeof(sonde_exec_record) && change.change == ProcessChange::kExec) {
      redact_words(record);
    }
  }

  // Words and variables hold passwords; and what lies behind the texts are bytes of older records.
  static void redact_words(std::span<uint8_t> record) {
    const auto clear = [&](size_t at, size_t size, uint8_t with) {
      std::ranges::fill(record.subspan(at, size), with);
    };
    const auto clear_rest = [&](size_t at, size_t size) {
      const auto* text = reinterpret_cast<const char*>(record.data()) + at;
      const size_t length = strnlen(text, size);
      clear(at + length, size - length, 0);
    };
    using Raw = sonde_exec_record;
    clear_rest(offsetof(Raw, path), sizeof(Raw::path));
    clear_rest(offsetof(Raw, file), sizeof(Raw::file));
    clear(offsetof(Raw, arguments), sizeof(Raw::arguments), kRedacted);
    clear(offsetof(Raw, environment), sizeof(Raw::environment), kRedacted);
  }
};

TapeRedaction::TapeRedaction(MakeRedactor make, size_t max_connections)
    : make_(make), max_connections_(max_connections) {}

bool TapeRedaction::keep(std::span<uint8_t> record) {
  return decode_to(record, Visitor{*this, record}) == DecodeStep::kOk;
}

void TapeRedaction::redact(const DataMoved& data, std::span<uint8_t> captured) {
  Connection& connection = at(data.connection);
  Redactor& redactor = *connection.redactor;
  uint64_t& next = connection.next[static_cast<size_t>(data.direction)];
  bool& known = connection.known[static_cast<size_t>(data.direction)];
  if (known && data.position > next) {
    redactor.skip(data.direction, data.position - next);
  } else if (!known || data.position < next) {
    redactor.lost(data.direction);
  }
  if (data.new_turn) {
    redactor.turn(data.direction);
  }
  redactor.redact(data.direction, captured);
  redactor.skip(data.direction, data.bytes - captured.size());
  next = data.position + data.bytes;
  known = true;
}

TapeRedaction::Connection& TapeRedaction::at(ConnectionId id) {
  if (const auto found = connections_.find(id); found != connections_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return by_use_.front();
  }
  if (connections_.size() >= max_connections_) {
    forget(by_use_.back().id);
    evicted_++;
  }
  by_use_.push_front({.id = id, .redactor = make_(), .next = {}, .known = {}});
  connections_.emplace(id, by_use_.begin());
  return by_use_.front();
}

void TapeRedaction::forget(ConnectionId id) {
  if (const auto found = connections_.find(id); found != connections_.end()) {
    by_use_.erase(found->second);
    connections_.erase(found);
  }
}

}  // namespace sonde
