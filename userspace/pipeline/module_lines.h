// SPDX-License-Identifier: Apache-2.0
// ModuleLines: which functions, inlined ones too, which files and lines stand at the places of one
// module.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "symbolizer/unwind/elf_file.h"
#include "userspace/extraction/file_table.h"
#include "userspace/pipeline/module_table.h"

namespace sonde {

class ModuleLines {
 public:
  // Waits, so many seconds at most (0: as long as extraction allows). Fails if there is no file, or
  // nobody could make a table of it.
  static Result<ModuleLines> of(const Module& module, Extractor& extractor, uint16_t seconds = 0);

  // As LineTable's, by an offset in the file.
  void find(uint64_t offset, std::vector<LineFrame>& out) const;

 private:
  ModuleLines(FileLines table, std::vector<ElfSegment> segments)
      : table_(std::move(table)), segments_(std::move(segments)) {}

  FileLines table_;
  std::vector<ElfSegment> segments_;  // where its addresses lie in the file
};

}  // namespace sonde
