// SPDX-License-Identifier: Apache-2.0
// Process: what is known of one process, immutable. Texts come from the process itself and are
// hostile: capped, any bytes; only the program's name and the service are made fit to be shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "userspace/inventory/containers.h"
#include "userspace/inventory/declared.h"
#include "userspace/model/ids.h"
#include "userspace/model/service.h"

namespace sonde {

constexpr size_t kMaxCommandLine = 4096;  // bytes kept
constexpr size_t kMaxArguments = 256;     // words looked at for the program's name
constexpr size_t kMaxCgroupPath = 4096;
constexpr size_t kMaxServiceName = 128;
constexpr size_t kMaxServedPorts = 16;  // of one process

struct Process {
  Pid pid{};
  // With the pid this is its identity: pids are used again. Clock ticks since boot; 0: it was
  // forked before our eyes and not read from /proc, what stands here is its parent's.
  uint64_t start_ticks = 0;
  Pid parent{};
  std::string executable;               // path; empty: a kernel thread, or not permitted to be read
  std::string command_line;             // words joined by single spaces
  std::optional<uint32_t> user;         // effective
  std::string cgroup;                   // path
  std::string program;                  // what people call what it runs; never empty
  bool program_is_interpreter = false;  // ... as nothing better is known

  std::shared_ptr<const Declared> declared;    // by its environment; null: nothing
  std::shared_ptr<const Container> container;  // null: none
  std::string unit;  // the systemd unit that it speaks for, "nginx.service"; empty: none
  std::vector<uint16_t> served_ports;  // as far as a rule wants to know them, in their order

  ServiceRef service;  // null: nobody was asked to name it
};

}  // namespace sonde
