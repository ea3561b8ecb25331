// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/elf_sections.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace sonde {
namespace {

constexpr size_t kLongestName = 64;

bool within(uint64_t offset, uint64_t size, uint64_t whole) {
  return offset <= whole && size <= whole - offset;
}

bool is_of_64_bits(const Elf64_Ehdr& head) {
  return std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_ident[EI_CLASS] == ELFCLASS64 &&
         head.e_ident[EI_DATA] == ELFDATA2LSB;
}

// As many of them as there are in the file.
std::vector<Elf64_Shdr> read_table(ByteSource source, const Elf64_Ehdr& head) {
  if (head.e_shentsize != sizeof(Elf64_Shdr) || head.e_shoff > source.size()) {
    return {};
  }
  const uint64_t room = (source.size() - head.e_shoff) / sizeof(Elf64_Shdr);
  std::vector<Elf64_Shdr> table(
      std::min<uint64_t>({head.e_shnum, ElfSections::kMaxSections, room}));
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(table.data()),
                                 table.size() * sizeof(Elf64_Shdr));
  return source.read(head.e_shoff, bytes) ? table : std::vector<Elf64_Shdr>();
}

std::vector<uint8_t> read_names(ByteSource source, const std::vector<Elf64_Shdr>& table,
                                size_t number) {
  if (number >= table.size()) {
    return {};
  }
  const Elf64_Shdr& names = table[number];
  if (names.sh_type == SHT_NOBITS || names.sh_size > ElfSections::kMaxNames ||
      !within(names.sh_offset, names.sh_size, source.size())) {
    return {};
  }
  std::vector<uint8_t> text(names.sh_size);
  return source.read(names.sh_offset, std::span<uint8_t>(text)) ? text : std::vector<uint8_t>();
}

}  // namespace

ElfSections ElfSections::read(ByteSource source) {
  ElfSections out;
  Elf64_Ehdr head{};
  if (!source.read(0, head) || !is_of_64_bits(head)) {
    return out;
  }
  out.head_ = head;
  const std::vector<Elf64_Shdr> table = read_table(source, head);
  const std::vector<uint8_t> names = read_names(source, table, head.e_shstrndx);
  const std::string_view pool(reinterpret_cast<const char*>(names.data()), names.size());
  out.all_.reserve(table.size());
  for (const Elf64_Shdr& each : table) {
    const std::string_view name =
        pool.substr(std::min<size_t>(each.sh_name, pool.size()), kLongestName);
    const bool here =
        each.sh_type != SHT_NOBITS && within(each.sh_offset, each.sh_size, source.size());
    const bool plain = here && (each.sh_flags & SHF_COMPRESSED) == 0;
    out.all_.push_back({.name = std::string(name.substr(0, name.find('\0'))),
                        .header = each,
                        .here = here,
                        .offset = plain ? each.sh_offset : 0,
                        .size = plain ? each.sh_size : 0});
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
