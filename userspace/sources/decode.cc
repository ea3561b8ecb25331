// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/decode.h"

#include <algorithm>
#include <cassert>

namespace sonde {
namespace decoding {

// Kinds of fixed length have no payload to hide behind.
template <typename Raw>
static bool exact(const Raw& raw) {
  return raw.header.size == sizeof(Raw) && raw.header.direction == 0;
}

// The initial sequence numbers of the two streams, drawn at random by both ends, name an end.
static uint64_t end_named(uint32_t sends_from, uint32_t receives_from) {
  return uint64_t{sends_from} << 32 | receives_from;
}

static bool sound_ends(const sonde_open_record& raw) {
  if (raw.family == SONDE_FAMILY_UNIX) {
    return raw.name_bytes <= SONDE_UNIX_NAME && raw.local_port == 0 && raw.remote_port == 0 &&
           raw.sequence_in == 0 && raw.sequence_out == 0;
  }
  return (raw.family == 4 || raw.family == 6) && raw.header.size == sizeof(raw) &&
         raw.name_bytes == 0 && raw.peer == 0;
}

// What the kernel keeps of a path has a zero byte behind it; an abstract name begins with one.
static std::string_view unix_name(std::span<const uint8_t> bytes) {
  const std::string_view name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return name.starts_with('\0') ? name : name.substr(0, name.find('\0'));
}

DecodeStep from_raw(std::span<const uint8_t> record, const sonde_open_record& raw,
                    ConnectionOpened& out) {
  if (raw.name_bytes > raw.header.size - sizeof(raw)) {
    return DecodeStep::kBadSize;
  }
  if (!of_connection(raw.header) || raw.header.direction != 0 ||
      !only(raw.header, SONDE_FLAG_MIDWAY) || raw.role > SONDE_ROLE_SERVER || raw.pad != 0 ||
      raw.pad2 != 0 || !sound_ends(raw)) {
    return DecodeStep::kBadField;
  }
  const bool is_unix = raw.family == SONDE_FAMILY_UNIX;
  out = {.connection = ConnectionId{raw.header.connection},
         .time_ns = raw.header.time_ns,
         .role = Role{raw.role},
         .midway = (raw.header.flags & SONDE_FLAG_MIDWAY) != 0,
         .local = {.bytes = std::to_array(raw.local_address),
                   .port = raw.local_port,
                   .family = raw.family},
         .remote = {.bytes = std::to_array(raw.remote_address),
                    .port = raw.remote_port,
                    .family = raw.family},
         .pid = Pid{raw.pid},
         .network_namespace = raw.network_namespace,
         .sequence_in = raw.sequence_in,
         .sequence_out = raw.sequence_out,
         .position_in = raw.position_in,
         .position_out = raw.position_out,
         .opened_ns = raw.opened_ns,
         .near_end = is_unix ? raw.header.connection : end_named(raw.sequence_out, raw.sequence_in),
         .far_end = is_unix ? raw.peer : end_named(raw.sequence_in, raw.sequence_out),
         .unix_name = unix_name(record.subspan(sizeof(raw), raw.name_bytes))};
  return DecodeStep::kOk;
}

DecodeStep from_raw(std::span<const uint8_t> /*record*/, const sonde_close_record& raw,
                    ConnectionClosed& out) {
  if (!exact(raw) || !of_connection(raw.header) ||
      !only(raw.header, SONDE_FLAG_RESET | SONDE_FLAG_TIMEOUT)) {
    return DecodeStep::kBadField;
  }
  out = {.connection = ConnectionId{raw.header.connection},
         .time_ns = raw.header.time_ns,
         .reset = (raw.header.flags & SONDE_FLAG_RESET) != 0,
         .timeout = (raw.header.flags & SONDE_FLAG_TIMEOUT) != 0,
         .state = turn_state(raw.state),
         .position_in = raw.position_in,
         .position_out = raw.position_out};
  return DecodeStep::kOk;
}

DecodeStep from_raw(std::span<const uint8_t> record, const sonde_process_record& raw,
                    ProcessChanged& out) {
  if (!exact(raw) || of_connection(raw.header) || !only(raw.header, 0) ||
      raw.change < SONDE_PROCESS_FORK || raw.change > SONDE_PROCESS_EXIT) {
    return DecodeStep::kBadField;
  }
  const auto* name =
      reinterpret_cast<const char*>(record.data()) + offsetof(sonde_process_record, name);
  out = {.time_ns = raw.header.time_ns,
         .change = static_cast<ProcessChange>(raw.change),
         .pid = Pid{raw.pid},
         .parent = Pid{raw.parent},
         .uid = raw.uid,
         .cgroup = raw.cgroup,
         .name = {name, strnlen(name, sizeof(raw.name))}};
  return DecodeStep::kOk;
}

// A text in a field: to its zero byte, or the whole field.
template <size_t kSize>
static std::string_view text_at(std::span<const uint8_t> record, size_t at, const char (&)[kSize]) {
  const auto* text = reinterpret_cast<const char*>(record.data()) + at;
  return {text, strnlen(text, kSize)};
}

DecodeStep from_raw(std::span<const uint8_t> record, const sonde_exec_record& raw,
                    ProcessChanged& out) {
  const sonde_process_record& process = raw.process;
  const sonde_record_header& header = process.header;
  if (header.size != sizeof(raw) || header.direction != 0 || of_connection(header) ||
      !only(header, SONDE_FLAG_CUT) || process.change != SONDE_PROCESS_EXEC ||
      raw.arguments_bytes > sizeof(raw.arguments) ||
      raw.environment_bytes > sizeof(raw.environment) || raw.pad[0] != 0 || raw.pad[1] != 0) {
    return DecodeStep::kBadField;
  }
  const auto* bytes = reinterpret_cast<const char*>(record.data());
  const std::string_view path = text_at(record, offsetof(sonde_exec_record, path), raw.path);
  const std::string_view file = text_at(record, offsetof(sonde_exec_record, file), raw.file);
  std::string_view environment(bytes + offsetof(sonde_exec_record, environment),
                               raw.environment_bytes);
  const bool cut = (header.flags & SONDE_FLAG_CUT) != 0;
  if (cut) {
    environment = environment.substr(0, environment.rfind('\0') + 1);  // npos + 1 is 0
  }
  // A path whose last name is another than the file's leads there by a link: only the file's own
  // name is sure.
  const std::string_view last = path.substr(path.rfind('/') + 1);
  const bool straight =
      last == file || (file.size() + 1 >= sizeof(raw.file) && last.starts_with(file));
  out = {.time_ns = header.time_ns,
         .change = ProcessChange::kExec,
         .pid = Pid{process.pid},
         .parent = Pid{process.parent},
         .uid = process.uid,
         .cgroup = process.cgroup,
         .name = text_at(record, offsetof(sonde_process_record, name), process.name),
         .executable = straight || file.empty() ? path : file,
         .arguments = {bytes + offsetof(sonde_exec_record, arguments), raw.arguments_bytes},
         .environment = environment,
         .environment_cut = cut};
  return DecodeStep::kOk;
}

}  // namespace decoding

namespace {

struct Keep {
  Event& out;
  template <typename E>
  void on(const E& event) {
    out = event;
  }
};

sonde_turn_state raw_state(const TurnState& state) {
  return {.other_position = state.other_position,
          .last_turn_bytes = state.last_turn_bytes,
          .last_turn_end_ns = state.last_turn_end_ns,
          .turn = state.turn,
          .lost_records = state.lost_records};
}

template <typename Raw, typename E>
Raw begin(sonde_record_kind kind, const E& event, unsigned flags) {
  Raw raw{};
  raw.header.kind = kind;
  raw.header.flags = static_cast<uint8_t>(flags);
  raw.header.size = sizeof(Raw);
  raw.header.time_ns = event.time_ns;
  if constexpr (requires { event.connection; }) {
    raw.header.connection = static_cast<uint64_t>(event.connection);
  }
  if constexpr (requires { event.direction; }) {
    raw.header.direction = static_cast<uint8_t>(event.direction);
  }
  if constexpr (requires { event.state; }) {
    raw.state = raw_state(event.state);
  }
  return raw;
}

// Writes the event's record; one overload per event.
struct Encoder {
  std::vector<uint8_t>& out;

  template <typename Raw>
  void put(const Raw& raw) {
    out.resize(sizeof(Raw));
    std::memcpy(out.data(), &raw, sizeof(Raw));
  }

  void operator()(const ConnectionOpened& e) {
    auto raw = begin<sonde_open_record>(SONDE_RECORD_OPEN, e, e.midway ? SONDE_FLAG_MIDWAY : 0);
    std::ranges::copy(e.local.bytes, raw.local_address);
    std::ranges::copy(e.remote.bytes, raw.remote_address);
    raw.local_port = e.local.port;
    raw.remote_port = e.remote.port;
    raw.role = static_cast<uint8_t>(e.role);
    raw.family = e.local.family;
    raw.pid = static_cast<uint32_t>(e.pid);
    raw.sequence_in = e.sequence_in;
    raw.sequence_out = e.sequence_out;
    raw.network_namespace = e.network_namespace;
    raw.position_in = e.position_in;
    raw.position_out = e.position_out;
    raw.opened_ns = e.opened_ns;
    if (e.local.family == kUnixFamily) {
      assert(e.unix_name.size() <= SONDE_UNIX_NAME);
      raw.peer = e.far_end;
      raw.name_bytes = static_cast<uint8_t>(e.unix_name.size());
      raw.header.size = static_cast<uint32_t>(sizeof(raw) + e.unix_name.size());
    }
    put(raw);
    out.insert(out.end(), e.unix_name.begin(), e.unix_name.end());
  }

  void operator()(const DataMoved& e) {
    assert(e.captured.size() <= e.bytes);
    auto raw = begin<sonde_data_record>(SONDE_RECORD_DATA, e,
                                        (e.new_turn ? SONDE_FLAG_NEW_TURN : 0) |
                                            (e.unreadable ? SONDE_FLAG_UNREADABLE : 0) |
                                            (e.unread ? SONDE_FLAG_UNREAD : 0));
    raw.header.size = static_cast<uint32_t>(sizeof(raw) + e.captured.size());
    raw.position = e.position;
    raw.bytes = e.bytes;
    raw.captured = static_cast<uint32_t>(e.captured.size());
    raw.pid = static_cast<uint32_t>(e.pid);
    raw.tid = e.tid;
    put(raw);
    out.insert(out.end(), e.captured.begin(), e.captured.end());
  }

  void operator()(const TurnProgress& e) {
    auto raw = begin<sonde_progress_record>(SONDE_RECORD_PROGRESS, e, 0);
    raw.position = e.position;
    raw.turn_bytes = e.turn_bytes;
    raw.turn_last_ns = e.turn_last_ns;
    put(raw);
  }

  void operator()(const ConnectionClosed& e) {
    auto raw = begin<sonde_close_record>(
        SONDE_RECORD_CLOSE, e,
        (e.reset ? SONDE_FLAG_RESET : 0) | (e.timeout ? SONDE_FLAG_TIMEOUT : 0));
    raw.position_in = e.position_in;
    raw.position_out = e.position_out;
    put(raw);
  }

  void operator()(const ProcessChanged& e) {
    if (e.change == ProcessChange::kExec) {
      put_exec(e);
      return;
    }
    auto raw = begin<sonde_process_record>(SONDE_RECORD_PROCESS, e, 0);
    fill(e, raw);
    put(raw);
  }

  static void fill(const ProcessChanged& e, sonde_process_record& raw) {
    raw.pid = static_cast<uint32_t>(e.pid);
    raw.parent = static_cast<uint32_t>(e.parent);
    raw.change = static_cast<uint32_t>(e.change);
    raw.uid = e.uid;
    raw.cgroup = e.cgroup;
    std::ranges::copy(e.name.substr(0, sizeof(raw.name)), raw.name);
  }

  void put_exec(const ProcessChanged& e) {
    sonde_exec_record raw{};
    raw.process =
        begin<sonde_process_record>(SONDE_RECORD_EXEC, e, e.environment_cut ? SONDE_FLAG_CUT : 0);
    raw.process.header.size = sizeof(raw);
    fill(e, raw.process);
    const std::string_view path = e.executable.substr(0, sizeof(raw.path));
    const std::string_view arguments = e.arguments.substr(0, sizeof(raw.arguments));
    const std::string_view environment = e.environment.substr(0, sizeof(raw.environment));
    std::ranges::copy(path, raw.path);
    std::ranges::copy(path.substr(path.rfind('/') + 1).substr(0, sizeof(raw.file)), raw.file);
    std::ranges::copy(arguments, raw.arguments);
    std::ranges::copy(environment, raw.environment);
    raw.arguments_bytes = static_cast<uint32_t>(arguments.size());
    raw.environment_bytes = static_cast<uint32_t>(environment.size());
    put(raw);
  }
};

}  // namespace

DecodeStep decode(std::span<const uint8_t> record, Event& out) {
  return decode_to(record, Keep{out});
}

void encode(const Event& event, std::vector<uint8_t>& out) { std::visit(Encoder{out}, event); }

}  // namespace sonde
