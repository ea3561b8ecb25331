// SPDX-License-Identifier: Apache-2.0
// Unwinding: completes the stacks that the kernel side could not walk to their end, and tells it
// what it lacked, so that it can the next time. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "symbolizer/unwind/mapped_code.h"
#include "userspace/model/stack_sample.h"
#include "userspace/pipeline/module_rows.h"
#include "userspace/pipeline/sampled_processes.h"
#include "userspace/sources/unwind_tables.h"

namespace sonde {

struct UnwindingCounts {
  uint64_t stacks = 0;   // of programs
  uint64_t whole = 0;    // of them: walked to the outermost frame
  uint64_t guessed = 0;  // of them: with frames found by frame pointers where nothing is known
  uint64_t copied = 0;   // of them: completed from a copy
  // Of them: by frame pointers from where the kernel side did not know the code yet and no more
  // could be copied, or all of it, if the registers could not be read. They may be cut.
  uint64_t by_frame_pointers = 0;
  uint64_t frames = 0;
  // By how the walk ended (sonde_step). stacks = by_frame_pointers + the sum of these.
  std::array<uint64_t, SONDE_STEP_KINDS> ends{};
};

class Unwinding {
 public:
  // tables: of the kernel side; null: it is told nothing. All must live longer.
  Unwinding(SampledProcesses& processes, UnwindTables* tables, const Store* store)
      : processes_(processes), rows_(processes.modules(), store), tables_(tables) {}

  // Addresses within the code of each of the program's frames, the innermost first. Until the next
  // call.
  std::span<const uint64_t> frames_of(SampledProcess& process, const StackSample& sample);

  const UnwindingCounts& counts() const { return counts_; }

 private:
  struct Code {
    uint32_t reading = 0;  // of the process's mappings
    MappedCode mapped{{}};
  };

  const MappedCode& code_of(SampledProcess& process);
  sonde_step complete(const CopiedStack& copied, const MappedCode& code, bool& guessed);
  void tell_process(const SampledProcess& process, const StackSample& sample);
  void tell_pages(const MappedCode& code);

  SampledProcesses& processes_;
  ModuleRows rows_;
  UnwindTables* const tables_;
  std::map<const SampledProcess*, Code> code_;
  // Which reading, and whether it was said to be all.
  std::map<const SampledProcess*, std::pair<uint32_t, bool>> told_;
  std::vector<uint64_t> frames_;
  UnwindingCounts counts_;
};

}  // namespace sonde
