// SPDX-License-Identifier: Apache-2.0
// KernelSide: the whole of Sonde in the kernel, behind one face - the proven door, the process
// hooks, the ring, the switchboard, the decisions and the ledger. Everything detaches when it goes
// (and when we are killed: nothing is pinned). The reading half (drain, sweep, reader states) is
// for one thread; the rest is for any.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/maps.h"
#include "userspace/kernel/ring.h"
#include "userspace/model/doors.h"
#include "userspace/model/events.h"
#include "userspace/model/policy.h"
#include "userspace/sources/door.h"
#include "userspace/sources/held_ends.h"
#include "userspace/sources/sweeps.h"
#include "userspace/sources/tcp_health.h"

namespace sonde {

struct KernelSideOptions {
  DoorChoice door = DoorChoice::kAuto;
  std::string types;  // a file, for a kernel that offers no types of its own
  uint32_t ring_bytes = 8 << 20;
  uint32_t max_connections = 65536;
  bool tcp_health = true;
};

// One door that was tried.
struct DoorAttempt {
  const DoorKind* kind = nullptr;
  bool taken = false;
  std::string why_not = {};  // empty if it was taken or not needed
  size_t checks = 0;         // facts of the self-test that held
  size_t unix_checks = 0;
  std::string unix_why_not = {};  // AF_UNIX is not told as it should be; empty: it is
};

// Where a run of this program is counted that the kernel skipped: at a call it may have lost one,
// at a change of state it did not.
sonde_kernel_counter counter_of_missed(const ProgramFacts& program);

class KernelSide {
 public:
  // Tries the doors, best first, until one loads and proves itself. attempts (if given) tells of
  // each, also on failure.
  static Result<std::unique_ptr<KernelSide>> open(const KernelSideOptions& options,
                                                  std::vector<DoorAttempt>* attempts = nullptr);

  const DoorKind& door() const { return door_->kind(); }
  uint32_t self() const { return self_; }
  // What is degraded: hooks that could not be had, and why.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // From now on records are told to the reader, which must outlive us.
  Result<> start(RecordReader& reader);
  // Takes the hooks down: no record comes any more, what is in the ring can still be read. The
  // health of TCP is counted on.
  void stop();
  size_t drain(size_t most) { return ring_->drain(most); }
  int poll_fd() const { return ring_->poll_fd(); }
  void set_reader_state(sonde_reader_state state) { control_.set_reader_state(state); }
  // Tells the turns that fell silent, to the reader or into the ring.
  Result<> sweep(RecordReader& reader) { return sweeps_->tell_silent(reader); }
  // Ends of connections that the ring had no room for wait outside of it: they are told behind all
  // that it holds; what a CPU still writes there may delay them to a later call.
  bool has_waiting_ends() const { return !held_ends_.empty() || control_.waiting_ends() != 0; }
  void tell_waiting_ends(RecordReader& reader);
  // AF_UNIX connections end unseen: as long as there are any, sweep_unix() is to be called every
  // second. It puts their ends into the ring, and tells what fell silent of them.
  bool has_unix_connections() const { return control_.unix_connections() != 0; }
  Result<> sweep_unix(RecordReader& reader) { return sweeps_->tell_unix(reader); }

  // The health of TCP, for the reading thread; null if it is off or could not be had.
  TcpHealth* tcp_health() { return tcp_health_.get(); }

  // The self-test's records are not in records_sent: no reader of ours will meet them.
  Result<KernelCounts> counters() const;
  std::vector<ProgramFacts> programs() const;

  Result<> watch_process(Pid pid, bool watched, Restraint restraint = Restraint::kNone);
  // Everybody, from each connection's next turn on; from then on, too, what was said of single
  // processes.
  void restrain(Restraint restraint);
  // What our programs cost those we watch so far, by their own measure: time in the kernel.
  Result<uint64_t> cost_ns() const;
  Result<> set_ports_off(const std::bitset<65536>& ports) {
    return decisions_.set_ports_off(ports);
  }
  // The policy of a connection; learn: also of later ones of its endpoint.
  Result<> set_policy(ConnectionId connection, const Policy& policy);
  Result<> learn_policy(Role role, const Address& local, const Address& remote,
                        uint32_t network_namespace, const Policy& policy);

 private:
  KernelSide(std::unique_ptr<MapPool> pool, std::unique_ptr<Door> door, ControlPage control);
  void open_tcp_health();

  std::unique_ptr<MapPool> pool_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<BpfObject> processes_;
  std::unique_ptr<Sweeps> sweeps_;
  std::unique_ptr<TcpHealth> tcp_health_;
  std::unique_ptr<Ring> ring_;
  ControlPage control_;
  CounterMap counters_;
  CostMap costs_;
  DecisionMaps decisions_;
  WaitingEnds waiting_ends_;
  HeldEnds held_ends_;
  uint32_t self_ = 0;
  uint32_t ring_bytes_ = 0;
  uint64_t self_test_records_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace sonde
