// SPDX-License-Identifier: Apache-2.0
// MadeElf: an ELF file put together in a test, section by section, each at a place that is known.
#pragma once

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

class MadeElf {
 public:
  static constexpr uint64_t kAddress = 0x400000;  // of the file's first byte
  static constexpr uint64_t kRoom = 0x1000;       // of one section

  explicit MadeElf(uint16_t machine = EM_X86_64) : machine_(machine) { sections_.emplace_back(); }

  struct Section {
    std::string name;
    uint32_t type = SHT_NULL;
    std::string bytes;
    uint32_t link = 0;
    uint64_t entry_size = 0;
  };

  // Gives its number; its bytes lie at offset_of(number).
  uint32_t add(Section section) {
    sections_.push_back(std::move(section));
    return static_cast<uint32_t>(sections_.size() - 1);
  }
  static uint64_t offset_of(uint32_t section) { return section * kRoom; }
  static uint64_t address_of(uint32_t section) { return kAddress + offset_of(section); }

  template <typename T>
  static std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
  }

  // A table of symbols and its names.
  struct Symbol {
    std::string name;
    uint64_t address = 0;
    uint64_t size = 0;
    uint8_t info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  };
  uint32_t add_symbols(uint32_t type, const std::vector<Symbol>& symbols) {
    std::string names(1, '\0');
    std::vector<Elf64_Sym> table(1);
    for (const Symbol& symbol : symbols) {
      table.push_back({.st_name = static_cast<uint32_t>(names.size()),
                       .st_info = symbol.info,
                       .st_other = 0,
                       .st_shndx = static_cast<uint16_t>(symbol.address != 0 ? 1 : SHN_UNDEF),
                       .st_value = symbol.address,
                       .st_size = symbol.size});
      names += symbol.name;
      names += '\0';
    }
    const uint32_t strings = add({.name = ".strtab", .type = SHT_STRTAB, .bytes = names});
    return add({.name = type == SHT_DYNSYM ? ".dynsym" : ".symtab",
                .type = type,
                .bytes = bytes_of(table),
                .link = strings,
                .entry_size = sizeof(Elf64_Sym)});
  }

  uint32_t add_build_id(std::string_view id) {
    std::string note = bytes_of(std::vector<Elf64_Nhdr>{
        {.n_namesz = 4, .n_descsz = static_cast<uint32_t>(id.size()), .n_type = NT_GNU_BUILD_ID}});
    note.append(ELF_NOTE_GNU, 4).append(id).append((4 - id.size() % 4) % 4, '\0');
    return add({.name = ".note.gnu.build-id", .type = SHT_NOTE, .bytes = note});
  }

  std::vector<uint8_t> file() const {
    std::vector<Section> sections = sections_;
    sections.push_back({.name = ".shstrtab", .type = SHT_STRTAB, .bytes = std::string(1, '\0')});
    std::vector<Elf64_Shdr> table(sections.size());
    std::string& names = sections.back().bytes;
    for (const Section& each : sections) {
      const auto i = static_cast<size_t>(&each - sections.data());
      table[i].sh_name = static_cast<uint32_t>(names.size());
      names += each.name;
      names += '\0';
    }
    std::vector<uint8_t> out(sections.size() * kRoom);
    for (size_t i = 1; i < sections.size(); ++i) {
      const Section& each = sections[i];
      out.resize(std::max(out.size(), i * kRoom + each.bytes.size()));
      table[i].sh_type = each.type;
      table[i].sh_addr = kAddress + i * kRoom;
      table[i].sh_offset = i * kRoom;
      table[i].sh_size = each.bytes.size();
      table[i].sh_link = each.link;
      table[i].sh_entsize = each.entry_size;
      std::memcpy(out.data() + i * kRoom, each.bytes.data(), each.bytes.size());
    }
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_flags = PF_R | PF_X;
    segment.p_vaddr = kAddress;
    segment.p_filesz = out.size();
    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_type = ET_DYN;
    head.e_machine = machine_;
    head.e_phoff = sizeof(head);
    head.e_phentsize = sizeof(segment);
    head.e_phnum = 1;
    head.e_shoff = out.size();
    head.e_shentsize = sizeof(Elf64_Shdr);
    head.e_shnum = static_cast<uint16_t>(table.size());
    head.e_shstrndx = static_cast<uint16_t>(table.size() - 1);
    std::memcpy(out.data(), &head, sizeof(head));
    std::memcpy(out.data() + sizeof(head), &segment, sizeof(segment));
    const auto* const headers = reinterpret_cast<const uint8_t*>(table.data());
    out.insert(out.end(), headers, headers + table.size() * sizeof(Elf64_Shdr));
    return out;
  }

 private:
  uint16_t machine_;
  std::vector<Section> sections_;  // the first is none
};

}  // namespace sonde
