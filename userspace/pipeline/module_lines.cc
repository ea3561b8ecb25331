// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/module_lines.h"

#include "userspace/pipeline/module_bytes.h"
#include "userspace/pipeline/module_tables.h"

namespace sonde {

Result<ModuleLines> ModuleLines::of(const Module& module, Extractor& extractor, uint16_t seconds) {
  if (module.kind != ModuleKind::kFile) {
    return fail("no file");
  }
  auto table = lines_of(module, extractor, seconds);
  if (!table) {
    return std::unexpected(table.error());
  }
  const auto bytes = bytes_of(module);
  const auto elf = bytes ? ElfFile::open(*bytes) : fail("no file");
  if (!elf) {
    return std::unexpected(elf.error());
  }
  return ModuleLines(*std::move(table), elf->segments());
}

void ModuleLines::find(uint64_t offset, std::vector<LineFrame>& out) const {
  out.clear();
  for (const ElfSegment& segment : segments_) {
    if (offset >= segment.offset && offset - segment.offset < segment.size) {
      table_->find(segment.address + (offset - segment.offset), out);
      return;
    }
  }
}

}  // namespace sonde
