// SPDX-License-Identifier: Apache-2.0
// The maps that both sides work on, each with the few operations user space needs of it.
// Descriptors are borrowed from a MapPool that must live longer. Key and value are the structs of
// bpf/shared.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

#include "bpf/shared/control.h"
#include "bpf/shared/costs.h"
#include "bpf/shared/counters.h"
#include "bpf/shared/limits.h"
#include "bpf/shared/policy.h"
#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

using KernelCounts = std::array<uint64_t, SONDE_COUNTERS>;

// The ledger, summed up over the CPUs. (One reader at a time.)
class CounterMap {
 public:
  explicit CounterMap(const MapPool& pool) : fd_(pool.find("counters")) {}
  Result<KernelCounts> read() const;

 private:
  int fd_;
};

// What our programs measured of themselves, summed up over the CPUs.
class CostMap {
 public:
  explicit CostMap(const MapPool& pool) : fd_(pool.find("costs")) {}
  Result<std::array<sonde_cost, SONDE_COSTS>> read() const;

 private:
  int fd_;
};

// The switchboard, mapped. Any thread may use it: each field is one word, written by one side.
class ControlPage {
 public:
  static Result<ControlPage> map(const MapPool& pool);
  ControlPage(ControlPage&& other) noexcept;
  ControlPage& operator=(ControlPage&&) = delete;
  ~ControlPage();

  void set_reader_state(sonde_reader_state state);
  void set_self(uint32_t pid);
  void set_ring_wake_bytes(uint32_t bytes);
  // Connections without this port wait. SONDE_NO_PORT: all; 0: none.
  void set_only_port(uint32_t port);
  // While there is a port that others wait for: AF_UNIX sockets with these inodes do not. 0: none.
  void set_only_unix(std::array<uint32_t, 2> inodes);
  // Connections look up their decision when this has moved.
  void move_policy_epoch();
  // What is decided about some process has changed: to be told behind the decision.
  void move_process_epoch();
  void set_tcp_health(bool on);
  // Holds as the policy epoch moves.
  void set_restraint(sonde_restraint restraint);
  // Ends of AF_UNIX connections that the kernel side has state of.
  uint32_t unix_connections() const;
  // Ends of connections that wait outside the ring; so many of them were taken.
  uint32_t waiting_ends() const;
  void took_waiting_ends(uint32_t count);

 private:
  explicit ControlPage(sonde_control* page) : page_(page) {}
  sonde_control* page_;
};

// Ends of connections that found no room in the ring.
class WaitingEnds {
 public:
  explicit WaitingEnds(const MapPool& pool) : fd_(pool.find("waiting_ends")) {}
  // Those there are; they are then no more.
  std::vector<sonde_close_record> take() const;

 private:
  int fd_;
};

// Decisions about processes, ports and bytes.
class DecisionMaps {
 public:
  explicit DecisionMaps(const MapPool& pool);

  Result<> set_process(uint32_t pid, sonde_process_verdict verdict,
                       sonde_restraint restraint) const;
  Result<> set_ports_off(const std::bitset<65536>& ports) const;
  Result<> learn(const sonde_endpoint& endpoint, const sonde_policy& policy) const;
  Result<> decide(uint64_t connection, const sonde_policy& policy) const;

 private:
  int processes_, ports_, endpoints_, decisions_;
};

}  // namespace sonde
