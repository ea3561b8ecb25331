// SPDX-License-Identifier: Apache-2.0
// The rows of a file: from which address on which rule holds, in ascending order, no two in a row
// alike. Where several entries speak of an address, the one that begins first is believed.
#pragma once

#include <functional>

#include "symbolizer/unwind/cfi_state.h"

namespace sonde {

// Beyond either, a file's further functions are left out and counted.
constexpr size_t kMaxUnwindFunctions = 2'000'000;
constexpr uint64_t kMaxUnwindRows = 16'000'000;

struct UnwindCounts {
  uint64_t functions = 0;
  uint64_t rows = 0;
  uint64_t unsound = 0;   // functions whose description cannot be read to its end
  uint64_t left_out = 0;  // for the limits above
};

using RowSink = std::function<void(uint64_t address, const sonde_rule& rule)>;

// From .eh_frame, and .debug_frame for what that does not cover. No rows: the file has neither.
UnwindCounts make_unwind_rows(const ElfFile& file, const RowSink& sink);

}  // namespace sonde
