// SPDX-License-Identifier: Apache-2.0
// The sections of an ELF file with their headers as they stand, and where code is loaded, also of a
// file that has nothing but debug information. 64-bit and little-endian; every offset is taken for
// hostile.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"

namespace sonde {

struct CodeRange {
  uint64_t begin;
  uint64_t end;
};

struct HeadedSection {
  std::string name;
  Elf64_Shdr header;  // offset and size lie within the file, unless it has no bytes (SHT_NOBITS)
};

struct HeadedSections {
  Elf64_Ehdr head;
  std::vector<HeadedSection> sections;
  std::vector<CodeRange> code;  // by address; none unless it is a program or a shared object
};

Result<HeadedSections> read_headed_sections(ByteSource source);

}  // namespace sonde
