// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/code_ranges.h"

#include <algorithm>

namespace sonde {
namespace {

bool is_code(const Elf64_Shdr& section) {
  constexpr uint64_t kLoaded = SHF_ALLOC | SHF_EXECINSTR;
  return (section.sh_flags & kLoaded) == kLoaded;
}

void add_range(std::vector<CodeRange>& code, uint64_t begin, uint64_t size) {
  if (size != 0 && size <= UINT64_MAX - begin) {
    code.push_back({begin, begin + size});
  }
}

void add_segments(ByteSource source, const Elf64_Ehdr& head, std::vector<CodeRange>& code) {
  for (size_t i = 0; i < head.e_phnum && head.e_phentsize == sizeof(Elf64_Phdr); ++i) {
    const uint64_t into = i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment{};
    if (head.e_phoff > UINT64_MAX - into || !source.read(head.e_phoff + into, segment)) {
      return;
    }
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
      add_range(code, segment.p_vaddr, segment.p_memsz);
    }
  }
}

}  // namespace

std::vector<CodeRange> code_ranges(ByteSource source, const ElfSections& sections) {
  std::vector<CodeRange> code;
  const Elf64_Ehdr& head = sections.head();
  if (head.e_type != ET_EXEC && head.e_type != ET_DYN) {
    return code;  // what is to be linked, or dwz's: its addresses mean nothing yet
  }
  for (const NamedSection& section : sections.all()) {
    if (is_code(section.header)) {
      add_range(code, section.header.sh_addr, section.header.sh_size);
    }
  }
  if (code.empty()) {
    add_segments(source, head, code);
  }
  std::ranges::sort(code, {}, &CodeRange::begin);
  return code;
}

}  // namespace sonde
