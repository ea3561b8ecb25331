// SPDX-License-Identifier: Apache-2.0
// Process: what is known of one process, immutable. Texts come from the process itself and are
// hostile: capped, any bytes; only the service's name is made fit to be shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "userspace/model/ids.h"

namespace sonde {

constexpr size_t kMaxCommandLine = 4096;  // bytes kept
constexpr size_t kMaxArguments = 256;     // words looked at for the service's name
constexpr size_t kMaxCgroupPath = 4096;
constexpr size_t kMaxServiceName = 128;

struct Process {
  Pid pid{};
  // With the pid this is its identity: pids are used again. Clock ticks since boot; 0: it was
  // forked before our eyes and not read from /proc, what stands here is its parent's.
  uint64_t start_ticks = 0;
  Pid parent{};
  std::string executable;        // path; empty: a kernel thread, or not permitted to be read
  std::string command_line;      // words joined by single spaces
  std::optional<uint32_t> user;  // effective
  std::string cgroup;            // path
  std::string service_name;      // never empty
};

}  // namespace sonde
