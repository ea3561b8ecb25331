// SPDX-License-Identifier: Apache-2.0
// Where a file's code is loaded, by its sections, else by its segments.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolizer/symbols/elf_sections.h"
#include "symbolizer/unwind/byte_source.h"

namespace sonde {

struct CodeRange {
  uint64_t begin;
  uint64_t end;
};

// By address; none unless it is a program or a shared object, or what was separated from one.
std::vector<CodeRange> code_ranges(ByteSource source, const ElfSections& sections);

}  // namespace sonde
