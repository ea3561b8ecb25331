// SPDX-License-Identifier: Apache-2.0
// The sections of an ELF file, by number and by name, also of one that has nothing but debug
// information. 64-bit and little-endian; every number in the headers is taken for hostile.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/unwind/byte_source.h"

namespace sonde {

struct NamedSection {
  std::string name;   // its beginning, if it is longer than any that we know
  Elf64_Shdr header;  // as it stands
  bool here = false;  // its bytes are in the file, packed or not
  // Of bytes that are in the file as they are; else 0.
  uint64_t offset = 0;
  uint64_t size = 0;
};

class ElfSections {
 public:
  static constexpr size_t kMaxSections = 65'535;
  static constexpr size_t kMaxNames = 4u << 20;  // bytes of all names; of more none is known

  // Empty, and is_elf() says so: it is no such file. Empty: it has no sections.
  static ElfSections read(ByteSource source);

  bool is_elf() const { return head_.e_ident[EI_MAG0] == ELFMAG0; }
  const Elf64_Ehdr& head() const { return head_; }
  const std::vector<NamedSection>& all() const { return all_; }
  // Null: there is none.
  const NamedSection* by_name(std::string_view name) const;
  const NamedSection* by_number(uint32_t number) const;

 private:
  Elf64_Ehdr head_{};
  std::vector<NamedSection> all_;
};

// The bytes of a section; empty if they are more than `most` or cannot be had.
std::vector<uint8_t> section_bytes(ByteSource source, const NamedSection& section, size_t most);

}  // namespace sonde
