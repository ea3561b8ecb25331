// SPDX-License-Identifier: Apache-2.0
// ClaimedCode: which unit describes which code. The linker keeps one copy of what several units
// have (templates, inline functions), and each of them may still describe it: the first one holds.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "symbolizer/symbols/code_ranges.h"

namespace sonde {

class ClaimedCode {
 public:
  // What of `wanted` nobody had before, by address, none twice; it is had from now on.
  std::vector<CodeRange> claim(std::vector<CodeRange> wanted);

 private:
  std::map<uint64_t, uint64_t> claimed_;  // ends by begins; neither overlapping nor touching
};

}  // namespace sonde
