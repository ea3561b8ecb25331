// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/elf_functions.h"

#include <elf.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "symbolizer/unwind/elf_file.h"

namespace sonde {
namespace {

constexpr size_t kMaxSections = 65'535;

// Functions first, then what assembly did not say to be one; global names before weak and local
// ones.
uint8_t rank_of(const Elf64_Sym& symbol) {
  constexpr uint8_t kBindings = 3;
  const unsigned binding = ELF64_ST_BIND(symbol.st_info);
  const uint8_t by_binding = binding == STB_LOCAL ? 2 : binding == STB_WEAK ? 1 : 0;
  return ELF64_ST_TYPE(symbol.st_info) == STT_NOTYPE ? kBindings + by_binding : by_binding;
}

bool is_code(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return symbol.st_shndx != SHN_UNDEF &&
         (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

// Marks that assemblers leave: ".L12", and on arm64 "$x".
bool is_name(std::string_view name) {
  return !name.empty() && name[0] != '$' && !name.starts_with(".L");
}

class Reader {
 public:
  Reader(ByteSource source, const ElfFile& file) : source_(source), file_(file) {}

  std::vector<FunctionSymbol> read() {
    Elf64_Ehdr head{};
    if (!source_.read(0, head) || head.e_shentsize != sizeof(Elf64_Shdr)) {
      return {};
    }
    const size_t count = std::min<size_t>(head.e_shnum, kMaxSections);
    for (size_t i = 0; i < count; ++i) {
      Elf64_Shdr section{};
      Elf64_Shdr names{};
      if (read_section(head, i, section) && is_next_table(section.sh_type) &&
          section.sh_link < count && read_section(head, section.sh_link, names)) {
        read_symbols(section, names);
      }
    }
    return std::move(out_);
  }

 private:
  // A file has one table of each kind; one that says it has thousands is not believed.
  bool is_next_table(uint32_t type) {
    bool* const seen = type == SHT_SYMTAB   ? &symtab_seen_
                       : type == SHT_DYNSYM ? &dynsym_seen_
                                            : nullptr;
    return seen != nullptr && !std::exchange(*seen, true);
  }

  bool read_section(const Elf64_Ehdr& head, size_t number, Elf64_Shdr& out) const {
    const uint64_t into = number * sizeof(out);
    return head.e_shoff <= UINT64_MAX - into && source_.read(head.e_shoff + into, out);
  }

  bool is_within(const Elf64_Shdr& section) const {
    return section.sh_type != SHT_NOBITS && (section.sh_flags & SHF_COMPRESSED) == 0 &&
           section.sh_offset <= source_.size() &&
           section.sh_size <= source_.size() - section.sh_offset;
  }

  // A large file has a hundred thousand: they are read a block at a time.
  void read_symbols(const Elf64_Shdr& section, const Elf64_Shdr& names) {
    constexpr size_t kBlock = 1024;
    if (!is_within(section) || !is_within(names) || names.sh_size > kMaxElfNameBytes) {
      return;
    }
    std::vector<uint8_t> text(names.sh_size);
    if (!source_.read(names.sh_offset, std::span<uint8_t>(text))) {
      return;
    }
    const std::string_view pool(reinterpret_cast<const char*>(text.data()), text.size());
    const size_t count = std::min<uint64_t>(section.sh_size / sizeof(Elf64_Sym), kMaxElfSymbols);
    std::vector<Elf64_Sym> block(kBlock);
    for (size_t done = 0; done < count; done += kBlock) {
      block.resize(std::min(kBlock, count - done));
      const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(block.data()),
                                     block.size() * sizeof(Elf64_Sym));
      if (!source_.read(section.sh_offset + done * sizeof(Elf64_Sym), bytes)) {
        return;
      }
      for (const Elf64_Sym& symbol : block) {
        take(symbol, pool);
      }
    }
  }

  void take(const Elf64_Sym& symbol, std::string_view pool) {
    if (!is_code(symbol) || symbol.st_name >= pool.size()) {
      return;
    }
    std::string_view name = pool.substr(symbol.st_name, SymbolTable::kMaxName);
    name = name.substr(0, name.find('\0'));
    name = name.substr(0, name.find('@'));  // a version: "memcpy@@GLIBC_2.14"
    if (!is_name(name)) {
      return;
    }
    for (const ElfSegment& segment : file_.segments()) {
      if (segment.executable && symbol.st_value >= segment.address &&
          symbol.st_value - segment.address < segment.size) {
        out_.push_back({.start = segment.offset + (symbol.st_value - segment.address),
                        .size = symbol.st_size,
                        .name = std::string(name),
                        .rank = rank_of(symbol)});
        return;
      }
    }
  }

  const ByteSource source_;
  const ElfFile& file_;
  bool symtab_seen_ = false;
  bool dynsym_seen_ = false;
  std::vector<FunctionSymbol> out_;
};

}  // namespace

Result<std::vector<FunctionSymbol>> read_functions(ByteSource source) {
  const auto file = ElfFile::open(source);
  if (!file) {
    return std::unexpected(file.error());
  }
  return Reader(source, *file).read();
}

}  // namespace sonde
