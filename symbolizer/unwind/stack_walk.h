// SPDX-License-Identifier: Apache-2.0
// walk_stack: who called whom, on a copy of a thread's stack. By the rows of the files that its
// code is of; where these know nothing by frame pointers, which is a guess and counted as one.
#pragma once

#include <string_view>
#include <vector>

#include "symbolizer/unwind/rows_view.h"
#include "symbolizer/unwind/walk_memory.h"

namespace sonde {

constexpr size_t kMaxWalkedFrames = 512;

// Rows by the caller's number of a file (CodeMapping::file).
class RowSource {
 public:
  virtual ~RowSource() = default;
  // Null: there are none. What is returned stays until the walk ends.
  virtual const RowsView* rows_of(uint32_t file) = 0;
};

std::string_view name_of(sonde_step step);

struct WalkedStack {
  // Addresses in the code of each frame, the innermost first: of the instruction that runs next,
  // or else within the call.
  std::vector<uint64_t> frames;
  uint32_t guessed = 0;  // frames that were found by frame pointers where nothing is known
  sonde_step end = SONDE_STEP_too_deep;
};

WalkedStack walk_stack(const StackCopy& stack, const MappedCode& code, RowSource& rows);
// The same from a frame on that a walk has come to.
WalkedStack walk_stack_from(sonde_frame frame, const StackCopy& stack, const MappedCode& code,
                            RowSource& rows);

}  // namespace sonde
