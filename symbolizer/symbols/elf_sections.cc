// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/elf_sections.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <span>

namespace sonde {
namespace {

constexpr size_t kLongestName = 24;

bool within(uint64_t offset, uint64_t size, uint64_t whole) {
  return offset <= whole && size <= whole - offset;
}

bool is_of_64_bits(const Elf64_Ehdr& head) {
  return std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_ident[EI_CLASS] == ELFCLASS64 &&
         head.e_ident[EI_DATA] == ELFDATA2LSB && head.e_shentsize == sizeof(Elf64_Shdr);
}

std::string name_at(ByteSource source, const Elf64_Shdr& names, uint32_t place) {
  std::array<char, kLongestName> text{};
  if (place >= names.sh_size) {
    return {};
  }
  const size_t length = std::min<uint64_t>(text.size(), names.sh_size - place);
  source.read(names.sh_offset + place, std::span(reinterpret_cast<uint8_t*>(text.data()), length));
  return {text.data(), strnlen(text.data(), length)};
}

}  // namespace

ElfSections ElfSections::read(ByteSource source) {
  ElfSections out;
  Elf64_Ehdr head{};
  if (!source.read(0, head) || !is_of_64_bits(head)) {
    return out;
  }
  const size_t count = std::min<size_t>(head.e_shnum, kMaxSections);
  std::vector<Elf64_Shdr> table(count);
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(table.data()),
                                 count * sizeof(Elf64_Shdr));
  if (!source.read(head.e_shoff, bytes)) {
    return out;
  }
  Elf64_Shdr names{};
  if (head.e_shstrndx < count) {
    names = table[head.e_shstrndx];
  }
  if (!within(names.sh_offset, names.sh_size, source.size())) {
    names = {};
  }
  for (const Elf64_Shdr& each : table) {
    const bool here = each.sh_type != SHT_NOBITS && (each.sh_flags & SHF_COMPRESSED) == 0 &&
                      within(each.sh_offset, each.sh_size, source.size());
    out.all_.push_back({.name = name_at(source, names, each.sh_name),
                        .type = each.sh_type,
                        .link = each.sh_link,
                        .address = each.sh_addr,
                        .offset = here ? each.sh_offset : 0,
                        .size = here ? each.sh_size : 0,
                        .entry_size = each.sh_entsize});
  }
  return out;
}

const NamedSection* ElfSections::by_name(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, &NamedSection::name);
  return found != all_.end() ? &*found : nullptr;
}

const NamedSection* ElfSections::by_number(uint32_t number) const {
  return number < all_.size() ? &all_[number] : nullptr;
}

std::vector<uint8_t> section_bytes(ByteSource source, const NamedSection& section, size_t most) {
  std::vector<uint8_t> out;
  if (section.size <= most) {
    out.resize(section.size);
    if (!source.read(section.offset, std::span<uint8_t>(out))) {
      out.clear();
    }
  }
  return out;
}

}  // namespace sonde
