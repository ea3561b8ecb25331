// SPDX-License-Identifier: Apache-2.0
// FrameLines: which functions, inlined ones too, which files and lines stand at a place. Asked once
// for each place, module by module, when a profile is made.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolizer/lines/line_table.h"
#include "userspace/pipeline/module_table.h"

namespace sonde {

class FrameLines {
 public:
  virtual ~FrameLines() = default;
  // As LineTable::find, by an offset in the module's file. What the names point into is there until
  // another module is asked about.
  virtual void find(const Module& module, uint64_t offset, std::vector<LineFrame>& out) = 0;
};

}  // namespace sonde
