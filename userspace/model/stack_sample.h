// SPDX-License-Identifier: Apache-2.0
// StackSample: where a thread stood when its CPU's clock rang.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "userspace/model/ids.h"

namespace sonde {

// A piece of a program's stack, from a frame on whose caller nobody had found yet.
struct CopiedStack {
  uint64_t pc = 0;
  uint64_t sp = 0;
  uint64_t fp = 0;
  bool exact = false;                   // pc is what runs next, else what a call returns to
  bool innermost = false;               // the registers are this frame's
  std::span<const uint64_t> registers;  // by DWARF's numbers
  uint64_t address = 0;                 // of the first byte: sp, or a little below
  std::span<const uint8_t> bytes;
};

// Views live during the call that hands it over. Frames are addresses, innermost first; the first
// of each list is where it stood. Those of the kernel behind it are where it returns to; those of
// the program are within the call.
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
  uint32_t weight = 1;      // how many periods of the clock it stands for
  std::span<const uint64_t> kernel;
  std::span<const uint64_t> user;
  bool kernel_cut = false;  // it was deeper
  bool user_cut = false;
  bool user_by_kernel = false;          // the kernel found the program's frames: as its own
  bool missed = false;                  // not all was known that was needed to find them
  uint16_t guessed = 0;                 // of the program's
  uint8_t end = 0;                      // how the walk ended: sonde_step
  const CopiedStack* copied = nullptr;  // what follows behind the last frame; null: nothing
};

}  // namespace sonde
