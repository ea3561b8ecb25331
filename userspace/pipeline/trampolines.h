// SPDX-License-Identifier: Apache-2.0
// Trampolines: memory that holds nothing but copies of one small function. No file describes it,
// but what its frames look like is known. Python's (since 3.12, with -X perf): each stands for one
// Python function and calls the interpreter.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "symbolizer/unwind/unwind_rows.h"
#include "userspace/inventory/mappings.h"

namespace sonde {

// A process may have more such memory side by side; beyond this it is walked by frame pointers.
constexpr uint64_t kMaxTrampolineBytes = uint64_t{16} << 20;

bool begins_with_trampoline(std::span<const uint8_t> code);

// Reads the mapping's first bytes from the process's memory. False also if they cannot be read.
bool holds_trampolines(Pid pid, const Mapping& mapping, const std::string& proc = "/proc");

// By addresses from the mapping's beginning. The row is the one behind the call: a trampoline does
// nothing else that takes time.
UnwindCounts make_trampoline_rows(const RowSink& sink);

}  // namespace sonde
