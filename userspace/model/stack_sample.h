// SPDX-License-Identifier: Apache-2.0
// StackSample: where a thread stood when its CPU's clock rang.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "userspace/model/ids.h"

namespace sonde {

// Views live during the call that hands it over. Frames are addresses, innermost first; the first
// of each list is where it stood, the others are where it returns to.
struct StackSample {
  uint64_t time_ns = 0;  // monotonic
  Pid pid{};
  uint32_t thread = 0;
  uint32_t cpu = 0;
  uint64_t cgroup = 0;
  // Together with the pid: which program in memory the addresses are of.
  uint64_t started_ns = 0;  // since boot
  uint64_t image = 0;       // moves with each exec
  std::string_view name;    // of the thread; any bytes
  std::span<const uint64_t> kernel;
  std::span<const uint64_t> user;
  bool kernel_cut = false;  // it was deeper
  bool user_cut = false;
};

}  // namespace sonde
