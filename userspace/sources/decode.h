// SPDX-License-Identifier: Apache-2.0
// The record decoder: raw bytes from the ring or a tape become typed events, every field checked.
// Nothing is copied: DataMoved::captured, ConnectionOpened::unix_name and the texts of
// ProcessChanged point into the record, which the caller keeps alive. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "bpf/shared/records.h"
#include "userspace/model/events.h"

namespace sonde {

enum class DecodeStep : uint8_t {
  kOk,
  kShort,        // fewer bytes than the record says it has
  kUnknownKind,  // none of enum sonde_record_kind
  kBadSize,      // a size that its kind cannot have
  kBadField,     // a field outside its range, a flag its kind does not have, or bytes in a pad
};

// The ring rounds sizes up: so many bytes at most may follow a record.
constexpr size_t kRecordAlignment = 8;

// Decodes one record and hands it to handler.on(const ConnectionOpened&), ... (one overload per
// event); only if kOk. This is the hot path: no variant, no allocation.
template <typename Handler>
DecodeStep decode_to(std::span<const uint8_t> record, Handler&& handler);

// The same into a variant, for those who keep events.
DecodeStep decode(std::span<const uint8_t> record, Event& out);

// The inverse: out becomes the record of that event. For tests and synthetic tapes. A record knows
// one thing more than its event: the thread that opened a connection; it becomes 0. An event names
// its ends; only far_end of AF_UNIX stands in the record, the rest follows from other fields.
void encode(const Event& event, std::vector<uint8_t>& out);

namespace decoding {

// Copies the fixed part of a record out (the compiler turns it into plain loads): alignment does
// not matter.
template <typename Raw>
DecodeStep fixed_part(std::span<const uint8_t> record, const sonde_record_header& header,
                      Raw& raw) {
  if (header.size < sizeof(Raw) || record.size() - header.size >= kRecordAlignment) {
    return DecodeStep::kBadSize;
  }
  std::memcpy(&raw, record.data(), sizeof(Raw));
  return DecodeStep::kOk;
}

inline bool only(const sonde_record_header& header, unsigned flags) {
  return (header.flags & ~flags) == 0;
}
inline bool of_connection(const sonde_record_header& header) { return header.connection != 0; }
inline bool within(uint64_t position, uint64_t bytes) { return position <= UINT64_MAX - bytes; }

inline TurnState turn_state(const sonde_turn_state& raw) {
  return {.other_position = raw.other_position,
          .last_turn_bytes = raw.last_turn_bytes,
          .last_turn_end_ns = raw.last_turn_end_ns,
          .turn = raw.turn,
          .lost_records = raw.lost_records};
}

DecodeStep from_raw(std::span<const uint8_t> record, const sonde_open_record& raw,
                    ConnectionOpened& out);
DecodeStep from_raw(std::span<const uint8_t> record, const sonde_close_record& raw,
                    ConnectionClosed& out);
DecodeStep from_raw(std::span<const uint8_t> record, const sonde_process_record& raw,
                    ProcessChanged& out);
DecodeStep from_raw(std::span<const uint8_t> record, const sonde_exec_record& raw,
                    ProcessChanged& out);

inline DecodeStep from_raw(std::span<const uint8_t> record, const sonde_data_record& raw,
                           DataMoved& out) {
  if (raw.captured > raw.header.size - sizeof(raw)) {
    return DecodeStep::kBadSize;
  }
  if (!of_connection(raw.header) || raw.header.direction > SONDE_OUT ||
      !only(raw.header, SONDE_FLAG_NEW_TURN | SONDE_FLAG_UNREADABLE | SONDE_FLAG_UNREAD) ||
      raw.captured > raw.bytes || !within(raw.position, raw.bytes)) {
    return DecodeStep::kBadField;
  }
  out = {.connection = ConnectionId{raw.header.connection},
         .time_ns = raw.header.time_ns,
         .direction = Direction{raw.header.direction},
         .new_turn = (raw.header.flags & SONDE_FLAG_NEW_TURN) != 0,
         .unreadable = (raw.header.flags & SONDE_FLAG_UNREADABLE) != 0,
         .unread = (raw.header.flags & SONDE_FLAG_UNREAD) != 0,
         .state = turn_state(raw.state),
         .position = raw.position,
         .bytes = raw.bytes,
         .captured = record.subspan(sizeof(raw), raw.captured),
         .pid = Pid{raw.pid},
         .tid = raw.tid};
  return DecodeStep::kOk;
}

inline DecodeStep from_raw(std::span<const uint8_t> /*record*/, const sonde_progress_record& raw,
                           TurnProgress& out) {
  if (!of_connection(raw.header) || raw.header.direction > SONDE_OUT || !only(raw.header, 0)) {
    return DecodeStep::kBadField;
  }
  out = {.connection = ConnectionId{raw.header.connection},
         .time_ns = raw.header.time_ns,
         .direction = Direction{raw.header.direction},
         .state = turn_state(raw.state),
         .position = raw.position,
         .turn_bytes = raw.turn_bytes,
         .turn_last_ns = raw.turn_last_ns};
  return DecodeStep::kOk;
}

template <typename Raw, typename Out, typename Handler>
DecodeStep one(std::span<const uint8_t> record, const sonde_record_header& header,
               Handler&& handler) {
  Raw raw;
  Out event;
  DecodeStep step = fixed_part(record, header, raw);
  if (step == DecodeStep::kOk) {
    step = from_raw(record, raw, event);
  }
  if (step == DecodeStep::kOk) {
    handler.on(std::as_const(event));
  }
  return step;
}

}  // namespace decoding

template <typename Handler>
DecodeStep decode_to(std::span<const uint8_t> record, Handler&& handler) {
  sonde_record_header header;
  if (record.size() < sizeof(header)) {
    return DecodeStep::kShort;
  }
  std::memcpy(&header, record.data(), sizeof(header));
  if (header.size > record.size()) {
    return DecodeStep::kShort;
  }
  switch (header.kind) {
    case SONDE_RECORD_DATA:
      return decoding::one<sonde_data_record, DataMoved>(record, header, handler);
    case SONDE_RECORD_PROGRESS:
      return decoding::one<sonde_progress_record, TurnProgress>(record, header, handler);
    case SONDE_RECORD_OPEN:
      return decoding::one<sonde_open_record, ConnectionOpened>(record, header, handler);
    case SONDE_RECORD_CLOSE:
      return decoding::one<sonde_close_record, ConnectionClosed>(record, header, handler);
    case SONDE_RECORD_PROCESS:
      return decoding::one<sonde_process_record, ProcessChanged>(record, header, handler);
    case SONDE_RECORD_EXEC:
      return decoding::one<sonde_exec_record, ProcessChanged>(record, header, handler);
    default:
      return DecodeStep::kUnknownKind;
  }
}

}  // namespace sonde
