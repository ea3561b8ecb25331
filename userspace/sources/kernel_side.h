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
#include "userspace/model/events.h"
#include "userspace/model/policy.h"
#include "userspace/sources/door.h"

namespace sonde {

struct KernelSideOptions {
  std::string door = "auto";  // or the name of one
  uint32_t ring_bytes = 8 << 20;
  uint32_t max_connections = 65536;
};

// One door that was tried.
struct DoorAttempt {
  const DoorKind* kind = nullptr;
  bool taken = false;
  std::string why_not;  // empty if it was taken or not needed
  size_t checks = 0;    // facts of the self-test that held
};

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
  size_t drain(size_t most) { return ring_->drain(most); }
  int poll_fd() const { return ring_->poll_fd(); }
  void set_reader_state(sonde_reader_state state) { control_.set_reader_state(state); }
  // Tells the reader the turns that fell silent.
  Result<> sweep(RecordReader& reader);

  // The self-test's records are not in records_sent: no reader of ours will meet them.
  Result<KernelCounts> counters() const;
  std::vector<ProgramFacts> programs() const;

  Result<> watch_process(Pid pid, bool watched);
  Result<> set_ports_off(const std::bitset<65536>& ports) {
    return decisions_.set_ports_off(ports);
  }
  // The policy of a connection; learn: also of later ones of its endpoint.
  Result<> set_policy(ConnectionId connection, const Policy& policy);
  Result<> learn_policy(Role role, const Address& local, const Address& remote,
                        uint32_t network_namespace, const Policy& policy);

 private:
  KernelSide(std::unique_ptr<MapPool> pool, std::unique_ptr<Door> door, ControlPage control);

  std::unique_ptr<MapPool> pool_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<BpfObject> processes_;
  std::unique_ptr<Ring> ring_;
  ControlPage control_;
  CounterMap counters_;
  DecisionMaps decisions_;
  uint32_t self_ = 0;
  uint64_t self_test_records_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace sonde
