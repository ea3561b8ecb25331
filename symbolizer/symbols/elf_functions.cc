// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/elf_functions.h"

#include <elf.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "symbolizer/symbols/debug_data.h"
#include "symbolizer/symbols/elf_sections.h"
#include "symbolizer/symbols/go_functions.h"
#include "symbolizer/symbols/plt_names.h"

namespace sonde {
namespace {

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
  Reader(ByteSource source, const ElfFile& placed)
      : source_(source), placed_(placed), sections_(ElfSections::read(source)) {}

  ElfSymbols read() {
    for (const NamedSection& section : sections_.all()) {
      const NamedSection* names = sections_.by_number(section.header.sh_link);
      if (is_next_table(section.header.sh_type) && names != nullptr) {
        read_symbols(section, *names);
      }
    }
    return {.functions = std::move(out_), .whole = symtab_seen_};
  }

 private:
  // A file has one table of each kind; one that says it has thousands is not believed.
  bool is_next_table(uint32_t type) {
    bool* const seen = type == SHT_SYMTAB   ? &symtab_seen_
                       : type == SHT_DYNSYM ? &dynsym_seen_
                                            : nullptr;
    return seen != nullptr && !std::exchange(*seen, true);
  }

  // A large file has a hundred thousand: they are read a block at a time.
  void read_symbols(const NamedSection& section, const NamedSection& names) {
    constexpr size_t kBlock = 1024;
    const std::vector<uint8_t> text = section_bytes(source_, names, kMaxElfNameBytes);
    const std::string_view pool(reinterpret_cast<const char*>(text.data()), text.size());
    const size_t count = std::min<uint64_t>(section.size / sizeof(Elf64_Sym), kMaxElfSymbols);
    std::vector<Elf64_Sym> block(kBlock);
    for (size_t done = 0; done < count; done += kBlock) {
      block.resize(std::min(kBlock, count - done));
      const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(block.data()),
                                     block.size() * sizeof(Elf64_Sym));
      if (!source_.read(section.offset + done * sizeof(Elf64_Sym), bytes)) {
        return;
      }
      for (const Elf64_Sym& symbol : block) {
        take(symbol, pool);
      }
    }
  }

  // Link-time optimisation leaves labels in debug information, whose values look like addresses.
  bool is_label_elsewhere(const Elf64_Sym& symbol) const {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_NOTYPE) {
      return false;
    }
    const NamedSection* section = sections_.by_number(symbol.st_shndx);
    return symbol.st_shndx == SHN_ABS ||
           (section != nullptr && (section->header.sh_flags & SHF_EXECINSTR) == 0);
  }

  void take(const Elf64_Sym& symbol, std::string_view pool) {
    if (!is_code(symbol) || is_label_elsewhere(symbol) || symbol.st_name >= pool.size()) {
      return;
    }
    std::string_view name = pool.substr(symbol.st_name, SymbolTable::kMaxName);
    name = name.substr(0, name.find('\0'));
    name = name.substr(0, name.find('@'));  // a version: "memcpy@@GLIBC_2.14"
    if (!is_name(name)) {
      return;
    }
    for (const ElfSegment& segment : placed_.segments()) {
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
  const ElfFile& placed_;
  const ElfSections sections_;
  bool symtab_seen_ = false;
  bool dynsym_seen_ = false;
  std::vector<FunctionSymbol> out_;
};

std::vector<FunctionSymbol> packed_symbols(ByteSource source, const ElfFile& file) {
  const ElfSections sections = ElfSections::read(source);
  const NamedSection* section = sections.by_name(".gnu_debugdata");
  if (section == nullptr) {
    return {};
  }
  const auto unpacked = unpack_debug_data(section_bytes(source, *section, kMaxPackedDebugData));
  return unpacked ? read_symbols(ByteSource::of_memory(*unpacked), file).functions
                  : std::vector<FunctionSymbol>();
}

}  // namespace

ElfSymbols read_symbols(ByteSource source, const ElfFile& placed) {
  return Reader(source, placed).read();
}

Result<std::vector<FunctionSymbol>> read_functions(ByteSource source,
                                                   const std::optional<ByteSource>& separate) {
  const auto file = ElfFile::open(source);
  if (!file) {
    return std::unexpected(file.error());
  }
  ElfSymbols own = read_symbols(source, *file);
  std::vector<FunctionSymbol>& out = own.functions;
  if (!own.whole && separate) {
    ElfSymbols more = read_symbols(*separate, *file);
    own.whole = more.whole;
    std::ranges::move(more.functions, std::back_inserter(out));
  }
  if (!own.whole) {
    std::ranges::move(packed_symbols(source, *file), std::back_inserter(out));
  }
  if (!own.whole) {
    // Of a Go program, which has names for its own use when it has no symbols.
    auto go = read_go_functions(source);
    std::ranges::move(go.value_or(std::vector<FunctionSymbol>()), std::back_inserter(out));
  }
  std::ranges::move(plt_names(*file), std::back_inserter(out));
  return std::move(out);
}

}  // namespace sonde
