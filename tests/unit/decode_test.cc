// SPDX-License-Identifier: Apache-2.0
// The record decoder: each kind there and back, each lie refused.
#include "userspace/sources/decode.h"

#include <gtest/gtest.h>

#include <string_view>

namespace sonde {
namespace {

constexpr std::string_view kText = "GET / HTTP/1.1\r\n";

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

DataMoved some_data() {
  return {.connection = ConnectionId{7},
          .time_ns = 1'000,
          .direction = Direction::kOut,
          .new_turn = true,
          .unreadable = false,
          .state = {.other_position = 5,
                    .last_turn_bytes = 6,
                    .last_turn_end_ns = 900,
                    .turn = 3,
                    .lost_records = 2},
          .position = 4'000'000'000'000,
          .bytes = 100,
          .captured = bytes_of(kText),
          .pid = Pid{42},
          .tid = 43};
}

ConnectionOpened some_open() {
  ConnectionOpened open;
  open.connection = ConnectionId{7};
  open.time_ns = 5;
  open.role = Role::kServer;
  open.midway = true;
  open.local = {.bytes = {127, 0, 0, 1}, .port = 80, .family = 4};
  open.remote = {.bytes = {10, 1, 2, 3}, .port = 40'000, .family = 4};
  open.pid = Pid{42};
  open.network_namespace = 4'026'531'840;
  open.sequence_in = 11;
  open.sequence_out = 12;
  open.position_in = 13;
  open.position_out = 14;
  open.opened_ns = 4;
  return open;
}

ConnectionOpened some_unix_open() {
  ConnectionOpened open;
  open.connection = ConnectionId{7};
  open.role = Role::kServer;
  open.local = {.bytes = {1, 2, 3, 4, 5, 6, 7, 8}, .port = 0, .family = kUnixFamily};
  open.remote = {.bytes = {}, .port = 0, .family = kUnixFamily};
  open.near_end = 7;
  open.far_end = 8;
  open.unix_name = "/run/app.sock";
  return open;
}

// The least there is of an event of a connection.
template <typename E>
E bare() {
  E event;
  event.connection = ConnectionId{1};
  return event;
}

std::vector<uint8_t> record_of(const Event& event) {
  std::vector<uint8_t> out;
  encode(event, out);
  return out;
}

DecodeStep step_of(const std::vector<uint8_t>& record) {
  Event out;
  return decode(record, out);
}

TEST(Decode, DataComesBackWholeAndItsPayloadIsNotCopied) {
  const std::vector<uint8_t> record = record_of(some_data());
  Event event;
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  const auto& data = std::get<DataMoved>(event);
  EXPECT_EQ(data.connection, ConnectionId{7});
  EXPECT_EQ(data.time_ns, 1'000u);
  EXPECT_EQ(data.direction, Direction::kOut);
  EXPECT_TRUE(data.new_turn);
  EXPECT_FALSE(data.unreadable);
  EXPECT_EQ(data.state.turn, 3u);
  EXPECT_EQ(data.state.last_turn_bytes, 6u);
  EXPECT_EQ(data.state.last_turn_end_ns, 900u);
  EXPECT_EQ(data.state.other_position, 5u);
  EXPECT_EQ(data.state.lost_records, 2u);
  EXPECT_EQ(data.position, 4'000'000'000'000u);
  EXPECT_EQ(data.bytes, 100u);
  EXPECT_EQ(data.pid, Pid{42});
  EXPECT_EQ(data.tid, 43u);
  ASSERT_EQ(data.captured.size(), kText.size());
  EXPECT_EQ(data.captured.data(), record.data() + sizeof(sonde_data_record));
}

TEST(Decode, OpenComesBackWhole) {
  const std::vector<uint8_t> record = record_of(some_open());
  Event event;
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  const auto& open = std::get<ConnectionOpened>(event);
  EXPECT_EQ(open.role, Role::kServer);
  EXPECT_TRUE(open.midway);
  EXPECT_EQ(open.local, some_open().local);
  EXPECT_EQ(open.remote, some_open().remote);
  EXPECT_EQ(open.pid, Pid{42});
  EXPECT_EQ(open.network_namespace, 4'026'531'840u);
  EXPECT_EQ(open.sequence_in, 11u);
  EXPECT_EQ(open.sequence_out, 12u);
  EXPECT_EQ(open.position_in, 13u);
  EXPECT_EQ(open.position_out, 14u);
  EXPECT_EQ(open.opened_ns, 4u);
  EXPECT_EQ(open.near_end, 0xc'0000'000bu);
  EXPECT_EQ(open.far_end, 0xb'0000'000cu);
}

TEST(Decode, OpenOfAUnixSocketComesBackWhole) {
  const std::vector<uint8_t> record = record_of(some_unix_open());
  Event event;
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  const auto& open = std::get<ConnectionOpened>(event);
  EXPECT_EQ(open.local, some_unix_open().local);
  EXPECT_EQ(open.remote, some_unix_open().remote);
  EXPECT_EQ(open.near_end, 7u);
  EXPECT_EQ(open.far_end, 8u);
  EXPECT_EQ(open.unix_name, "/run/app.sock");
}

TEST(Decode, NamesOfUnixSockets) {
  using namespace std::string_view_literals;
  struct Row {
    std::string_view bound, told;
  };
  for (const Row& row : {Row{"/a\0"sv, "/a"sv}, Row{"/a"sv, "/a"sv}, Row{""sv, ""sv},
                         Row{"\0abstract\0name"sv, "\0abstract\0name"sv}, Row{"\0"sv, "\0"sv},
                         Row{"/a\0behind it"sv, "/a"sv}}) {
    ConnectionOpened open = some_unix_open();
    open.unix_name = row.bound;
    const std::vector<uint8_t> record = record_of(open);
    Event event;
    ASSERT_EQ(decode(record, event), DecodeStep::kOk);
    EXPECT_EQ(std::get<ConnectionOpened>(event).unix_name, row.told);
  }
}

TEST(Decode, ProgressCloseAndProcessComeBackWhole) {
  Event event;
  std::vector<uint8_t> record = record_of(TurnProgress{.connection = ConnectionId{7},
                                                       .time_ns = 9,
                                                       .direction = Direction::kIn,
                                                       .state = {.turn = 4},
                                                       .position = 10,
                                                       .turn_bytes = 8,
                                                       .turn_last_ns = 7});
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  EXPECT_EQ(std::get<TurnProgress>(event).position, 10u);
  EXPECT_EQ(std::get<TurnProgress>(event).turn_bytes, 8u);
  EXPECT_EQ(std::get<TurnProgress>(event).turn_last_ns, 7u);
  EXPECT_EQ(std::get<TurnProgress>(event).state.turn, 4u);

  record = record_of(ConnectionClosed{.connection = ConnectionId{7},
                                      .time_ns = 9,
                                      .reset = true,
                                      .timeout = false,
                                      .state = {.last_turn_bytes = 6},
                                      .position_in = 1,
                                      .position_out = 2});
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  EXPECT_TRUE(std::get<ConnectionClosed>(event).reset);
  EXPECT_FALSE(std::get<ConnectionClosed>(event).timeout);
  EXPECT_EQ(std::get<ConnectionClosed>(event).state.last_turn_bytes, 6u);
  EXPECT_EQ(std::get<ConnectionClosed>(event).position_out, 2u);

  // A name of 16 bytes has no terminator.
  record = record_of(ProcessChanged{.time_ns = 9,
                                    .change = ProcessChange::kExec,
                                    .pid = Pid{1},
                                    .parent = Pid{2},
                                    .uid = 3,
                                    .cgroup = 4,
                                    .name = "exactly-16-bytes"});
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  EXPECT_EQ(std::get<ProcessChanged>(event).name, "exactly-16-bytes");
  EXPECT_EQ(std::get<ProcessChanged>(event).change, ProcessChange::kExec);
  EXPECT_EQ(std::get<ProcessChanged>(event).parent, Pid{2});
}

TEST(Decode, AnExecWithItsWords) {
  ProcessChanged exec;
  exec.change = ProcessChange::kExec;
  exec.pid = Pid{7};
  exec.parent = Pid{1};
  exec.name = "python3";
  exec.executable = "/usr/bin/python3";
  exec.arguments = {"python3\0app.py\0", 15};
  exec.environment = {"A=1\0B=2\0", 8};
  Event event;
  std::vector<uint8_t> record = record_of(exec);
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  const auto& told = std::get<ProcessChanged>(event);
  EXPECT_EQ(told.executable, exec.executable);
  EXPECT_EQ(told.arguments, exec.arguments);
  EXPECT_EQ(told.environment, exec.environment);
  EXPECT_FALSE(told.environment_cut);

  sonde_exec_record raw{};
  const auto again = [&] {
    std::memcpy(record.data(), &raw, sizeof(raw));
    return decode(record, event);
  };
  std::memcpy(&raw, record.data(), sizeof(raw));
  // Of an environment that was cut the last variable may not be whole.
  raw.process.header.flags = SONDE_FLAG_CUT;
  raw.environment_bytes = 7;
  ASSERT_EQ(again(), DecodeStep::kOk);
  EXPECT_EQ(std::get<ProcessChanged>(event).environment, std::string_view("A=1\0", 4));
  EXPECT_TRUE(std::get<ProcessChanged>(event).environment_cut);
  // A link's path is not the file's.
  std::memcpy(raw.file, "python3.11", sizeof("python3.11"));
  ASSERT_EQ(again(), DecodeStep::kOk);
  EXPECT_EQ(std::get<ProcessChanged>(event).executable, "python3.11");

  raw.arguments_bytes = sizeof(raw.arguments) + 1;
  EXPECT_EQ(again(), DecodeStep::kBadField);
  raw.arguments_bytes = 0;
  raw.environment_bytes = sizeof(raw.environment) + 1;
  EXPECT_EQ(again(), DecodeStep::kBadField);
  raw.environment_bytes = 0;
  raw.process.change = SONDE_PROCESS_FORK;
  EXPECT_EQ(again(), DecodeStep::kBadField);
}

TEST(Decode, EveryTruncationIsShort) {
  const std::vector<Event> events = {some_data(),          some_open(),
                                     some_unix_open(),     bare<ConnectionClosed>(),
                                     bare<TurnProgress>(), ProcessChanged{}};
  for (const Event& event : events) {
    const std::vector<uint8_t> record = record_of(event);
    for (size_t n = 0; n < record.size(); n++) {
      Event out;
      EXPECT_EQ(decode(std::span(record).first(n), out), DecodeStep::kShort);
    }
  }
}

TEST(Decode, PaddingInsideAndRoundingBehindAreAllowed) {
  std::vector<uint8_t> record = record_of(some_data());
  const uint32_t size = static_cast<uint32_t>(record.size() + 48);
  std::memcpy(record.data() + offsetof(sonde_record_header, size), &size, sizeof(size));
  record.resize(size + 7);
  Event event;
  ASSERT_EQ(decode(record, event), DecodeStep::kOk);
  EXPECT_EQ(std::get<DataMoved>(event).captured.size(), kText.size());
  record.resize(size + 8);
  EXPECT_EQ(step_of(record), DecodeStep::kBadSize);
}

template <typename Raw, typename Change>
DecodeStep changed(const Event& event, Change change) {
  std::vector<uint8_t> record = record_of(event);
  Raw raw;
  std::memcpy(&raw, record.data(), sizeof(raw));
  change(raw);
  std::memcpy(record.data(), &raw, sizeof(raw));
  return step_of(record);
}

TEST(Decode, LiesAboutDataAreRefused) {
  using Raw = sonde_data_record;
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.captured += 1; }), DecodeStep::kBadSize);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.captured = UINT32_MAX; }),
            DecodeStep::kBadSize);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.header.size = 79; }), DecodeStep::kBadSize);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.bytes = 15; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.header.direction = 2; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.header.flags |= SONDE_FLAG_RESET; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.header.connection = 0; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.position = UINT64_MAX - 98; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.header.kind = 0; }), DecodeStep::kUnknownKind);
  EXPECT_EQ(changed<Raw>(some_data(), [](Raw& r) { r.header.kind = 7; }), DecodeStep::kUnknownKind);
}

TEST(Decode, LiesAboutOthersAreRefused) {
  using Open = sonde_open_record;
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.role = 3; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.family = 5; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.pad2 = 1; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.header.direction = 1; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.pad = 1; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.peer = 1; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(some_open(), [](Open& r) { r.name_bytes = 1; }), DecodeStep::kBadSize);
  const auto unix_open = some_unix_open();
  EXPECT_EQ(changed<Open>(unix_open, [](Open& r) { r.name_bytes++; }), DecodeStep::kBadSize);
  EXPECT_EQ(changed<Open>(unix_open, [](Open& r) { r.family = 4; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(unix_open, [](Open& r) { r.local_port = 1; }), DecodeStep::kBadField);
  EXPECT_EQ(changed<Open>(unix_open, [](Open& r) { r.sequence_in = 1; }), DecodeStep::kBadField);
  std::vector<uint8_t> long_name(sizeof(Open) + 256);
  Open raw{};
  raw.header = {.kind = SONDE_RECORD_OPEN,
                .direction = 0,
                .flags = 0,
                .size = sizeof(Open) + 256,
                .connection = 1,
                .time_ns = 0};
  raw.family = SONDE_FAMILY_UNIX;
  raw.name_bytes = SONDE_UNIX_NAME + 1;
  std::memcpy(long_name.data(), &raw, sizeof(raw));
  EXPECT_EQ(step_of(long_name), DecodeStep::kBadField);
  raw.name_bytes = SONDE_UNIX_NAME;
  std::memcpy(long_name.data(), &raw, sizeof(raw));
  EXPECT_EQ(step_of(long_name), DecodeStep::kOk);
  using Process = sonde_process_record;
  EXPECT_EQ(changed<Process>(ProcessChanged{}, [](Process& r) { r.change = 4; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Process>(ProcessChanged{}, [](Process& r) { r.change = 0; }),
            DecodeStep::kBadField);
  EXPECT_EQ(changed<Process>(ProcessChanged{}, [](Process& r) { r.header.connection = 1; }),
            DecodeStep::kBadField);
  using Close = sonde_close_record;
  const auto close = bare<ConnectionClosed>();
  EXPECT_EQ(changed<Close>(close, [](Close& r) { r.header.size -= 1; }), DecodeStep::kBadSize);
  EXPECT_EQ(changed<Close>(close, [](Close& r) { r.header.flags = SONDE_FLAG_NEW_TURN; }),
            DecodeStep::kBadField);
}

}  // namespace
}  // namespace sonde
