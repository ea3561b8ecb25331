// SPDX-License-Identifier: Apache-2.0
// BpfTest: the real kernel side with one door, a scenario in another process, and what was told of
// it, as text. At the end of each test the ledger must balance, every record must have decoded, and
// none may be missing.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/bpf/privilege.h"
#include "tests/bpf/wire.h"
#include "userspace/base/fd.h"
#include "userspace/sources/decode.h"
#include "userspace/sources/kernel_side.h"

namespace sonde {

// One end of one connection, as it was told.
struct ToldEnd {
  ConnectionOpened opened;  // without its name
  std::string unix_name;
  bool closed = false;
  ConnectionClosed close;
  // One line for each record:
  //   turn 2 in @0 4 'pong' after 4         a new turn: its number, direction, position, bytes,
  //   captured text, and the
  //                                         length of the turn before; 'unread' if it is only
  //                                         counted
  //   out @4 100 'xyz' unreadable lost 1    more of a turn; what could not be read; records lost so
  //   far progress out @2000 2000               told by the sweep: end of the stream, length of the
  //   turn close in 4 out 4 after 4 reset        positions, length of the last turn, how it ended
  // Captured text longer than 64 bytes is told as its length in brackets.
  std::string text;
  std::string captured[2];     // by Direction, all of it
  uint64_t bytes[2] = {0, 0};  // moved, by Direction, as the records say
  std::vector<uint32_t> pids;  // of each data record
  uint32_t lost_records = 0;   // as last told
  uint32_t unread = 0;         // turns that were counted, not read
};

class Collector : public RecordReader {
 public:
  void record(std::span<const uint8_t> bytes) override;
  void on(const ConnectionOpened& event);
  void on(const DataMoved& event);
  void on(const TurnProgress& event);
  void on(const ConnectionClosed& event);
  void on(const ProcessChanged& event);

  std::map<ConnectionId, ToldEnd> ends;
  std::vector<ConnectionId> order;     // as opened
  std::vector<std::string> processes;  // "fork 12 of 11", "exec 12 true", "exit 12"
  uint64_t read = 0;
  uint64_t undecoded = 0;
  // If not 0: connections of other network namespaces are read and forgotten.
  uint32_t only_namespace = 0;

 private:
  ToldEnd* end_of(ConnectionId id);
};

class BpfTest : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Opens the kernel side. Only connections of this test's own ports are watched.
  void watch();

  // The whole scenario; then its connections' ends are awaited.
  void run(const Scenario& scenario);
  // The same in steps: begin, at each pause of the scenario reach_pause and resume, finish.
  void begin(const Scenario& scenario);
  void reach_pause();
  void resume();
  void finish();

  // The nth end of this role in the order of opening. A missing one fails the test.
  const ToldEnd& client(size_t nth = 0);
  const ToldEnd& server(size_t nth = 0);
  // Whether this door looks at system calls when they have returned, not at the sockets: it sees
  // what they moved in any way, and nothing of what no system call moved.
  bool sees_system_calls() const { return options_.door == DoorChoice::kSyscall; }
  // Whether it looks at the kernel's functions: it sees what moved in any way, and whose bytes.
  bool sees_functions() const {
    return options_.door == DoorChoice::kFexitBtf || options_.door == DoorChoice::kFexitHash;
  }
  // Whether it sees what goes from a socket into a pipe.
  bool sees_splices() const { return sees_system_calls() || sees_functions(); }
  // Both ends tell of one TCP connection.
  static void expect_joined(const ToldEnd& a, const ToldEnd& b);
  // By how much this counter moved since watch().
  uint64_t counted(sonde_kernel_counter counter);
  // Takes what is in the ring now.
  void drain();
  // What falls silent or ends unseen is told by sweeps.
  void sweep_unix();

  // For constructors of suites.
  KernelSideOptions options_;
  bool watch_at_once_ = true;  // false: the test calls watch() itself
  // AF_UNIX is watched as well. It has no ports to tell the scenario's connections from the host's:
  // the scenario runs in a network namespace of its own, and only what happens there is kept.
  bool watch_unix_ = false;

  bool draining_ = true;  // false: the ring is left alone until finish()
  std::unique_ptr<KernelSide> kernel_;
  Collector told_;
  Fd listener_;
  Fd listener6_;
  uint16_t port_ = 0;                 // of the listener
  uint16_t port6_ = 0;                // of that for IPv6
  uint16_t client_port_ = 0;          // free; watched as well
  std::vector<uint16_t> more_ports_;  // watched as well
  pid_t child_ = -1;

 private:
  const ToldEnd& end_of(Role role, size_t nth);
  bool child_ended();
  void settle();
  void expect_balance();

  Fd from_child_;
  Fd to_child_;
  KernelCounts at_start_{};
  uint64_t sent_before_ = 0;  // records that others read: the self-test's
};

// By their place in door_kinds(). Those at functions only if it is said that this kernel allows
// programs there (scripts/doors does): asking it takes longer than most tests.
std::vector<size_t> doors_under_test();
std::string door_of_suite(const testing::TestParamInfo<size_t>& door);

// A suite that runs with every door.
#define SONDE_FOR_EACH_DOOR(suite) \
  INSTANTIATE_TEST_SUITE_P(Doors, suite, testing::ValuesIn(doors_under_test()), door_of_suite)

}  // namespace sonde
