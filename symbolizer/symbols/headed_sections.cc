// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/headed_sections.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace sonde {
namespace {

constexpr size_t kMaxSectionNames = 4u << 20;

bool is_code(const Elf64_Shdr& section) {
  constexpr uint64_t kLoaded = SHF_ALLOC | SHF_EXECINSTR;
  return (section.sh_flags & kLoaded) == kLoaded;
}

void add_range(std::vector<CodeRange>& code, uint64_t begin, uint64_t size) {
  if (size != 0 && size <= UINT64_MAX - begin) {
    code.push_back({begin, begin + size});
  }
}

class Reader {
 public:
  explicit Reader(ByteSource source) : source_(source) {}

  Result<HeadedSections> read() {
    Elf64_Ehdr& head = out_.head;
    if (!source_.read(0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB) {
      return fail("no ELF file of 64 bits, little-endian");
    }
    read_sections();
    if (out_.code.empty()) {
      read_segments();
    }
    if (head.e_type != ET_EXEC && head.e_type != ET_DYN) {
      out_.code.clear();  // what is to be linked, or dwz's: its addresses mean nothing yet
    }
    std::ranges::sort(out_.code, {}, &CodeRange::begin);
    return std::move(out_);
  }

 private:
  template <typename T>
  bool read_entry(uint64_t table, size_t number, T& out) const {
    const uint64_t into = number * sizeof(T);
    return table <= UINT64_MAX - into && source_.read(table + into, out);
  }

  bool is_within(const Elf64_Shdr& section) const {
    return section.sh_offset <= source_.size() &&
           section.sh_size <= source_.size() - section.sh_offset;
  }

  void read_sections() {
    const Elf64_Ehdr& head = out_.head;
    Elf64_Shdr names{};
    std::vector<uint8_t> text;
    if (head.e_shentsize == sizeof(Elf64_Shdr) &&
        read_entry(head.e_shoff, head.e_shstrndx, names) && is_within(names) &&
        names.sh_type != SHT_NOBITS && names.sh_size <= kMaxSectionNames) {
      text.resize(names.sh_size);
    }
    if (text.empty() || !source_.read(names.sh_offset, std::span<uint8_t>(text))) {
      return;
    }
    const std::string_view pool(reinterpret_cast<const char*>(text.data()), text.size());
    for (size_t i = 0; i < head.e_shnum; ++i) {
      Elf64_Shdr section{};
      if (!read_entry(head.e_shoff, i, section)) {
        return;
      }
      if (is_code(section)) {
        add_range(out_.code, section.sh_addr, section.sh_size);
      }
      if (section.sh_name < pool.size() && (section.sh_type == SHT_NOBITS || is_within(section))) {
        constexpr size_t kLongest = 64;  // of names that anybody asks for
        const std::string_view name = pool.substr(section.sh_name, kLongest);
        out_.sections.push_back({std::string(name.substr(0, name.find('\0'))), section});
      }
    }
  }

  void read_segments() {
    const Elf64_Ehdr& head = out_.head;
    for (size_t i = 0; i < head.e_phnum && head.e_phentsize == sizeof(Elf64_Phdr); ++i) {
      Elf64_Phdr segment{};
      if (!read_entry(head.e_phoff, i, segment)) {
        return;
      }
      if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
        add_range(out_.code, segment.p_vaddr, segment.p_memsz);
      }
    }
  }

  const ByteSource source_;
  HeadedSections out_{};
};

}  // namespace

Result<HeadedSections> read_headed_sections(ByteSource source) { return Reader(source).read(); }

}  // namespace sonde
