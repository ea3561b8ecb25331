// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/plt_names.h"

#include <elf.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>

#include "symbolizer/symbols/elf_sections.h"

namespace sonde {
namespace {

constexpr std::string_view kStubSections[] = {".plt", ".plt.sec", ".plt.got"};
constexpr size_t kUsualStub = 16;
constexpr size_t kShortStub = 8;  // of .plt.got, where jumps need no landing pad
constexpr uint8_t kRank = 6;

uint32_t word_at(std::span<const uint8_t> bytes, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof(word));
  return word;
}

// jmp *displacement(%rip), behind whatever else: the word that it jumps by.
std::optional<uint64_t> x86_word(std::span<const uint8_t> stub, uint64_t address) {
  constexpr size_t kJump = 6;
  for (size_t i = 0; i + kJump <= stub.size(); ++i) {
    if (stub[i] == 0xff && stub[i + 1] == 0x25) {
      const auto displacement = static_cast<int32_t>(word_at(stub, i + 2));
      return address + i + kJump + static_cast<uint64_t>(int64_t{displacement});
    }
  }
  return std::nullopt;
}

// adrp x16, page; ldr x17, [x16, #low].
std::optional<uint64_t> arm_word(std::span<const uint8_t> stub, uint64_t address) {
  constexpr uint64_t kPage = 4096;
  for (size_t i = 0; i + 8 <= stub.size(); i += 4) {
    const uint32_t adrp = word_at(stub, i);
    const uint32_t load = word_at(stub, i + 4);
    if ((adrp & 0x9f00001f) == 0x90000010 && (load & 0xffc003ff) == 0xf9400211) {
      const uint32_t pages = ((adrp >> 5 & 0x7ffff) << 2) | (adrp >> 29 & 3);
      const int64_t moved = static_cast<int64_t>(uint64_t{pages} << 43) >> 43;  // 21 bits, signed
      return ((address + i) & ~(kPage - 1)) + static_cast<uint64_t>(moved) * kPage +
             (load >> 10 & 0xfff) * sizeof(uint64_t);
    }
  }
  return std::nullopt;
}

class Stubs {
 public:
  explicit Stubs(const ElfFile& file)
      : file_(file), source_(file.source()), sections_(ElfSections::read(source_)) {}

  std::vector<FunctionSymbol> read() {
    read_words();
    if (words_.empty()) {
      return {};
    }
    for (const std::string_view name : kStubSections) {
      if (const NamedSection* section = sections_.by_name(name)) {
        read_stubs(*section);
      }
    }
    return std::move(out_);
  }

 private:
  struct Word {
    uint64_t address;
    uint32_t symbol;
  };

  bool names_function(uint64_t info) const {
    const uint64_t type = ELF64_R_TYPE(info);
    return file_.machine() == Machine::kX86
               ? type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT
               : type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
  }

  // The words that get the addresses of named functions.
  void read_words() {
    for (const std::string_view name : {".rela.plt", ".rela.dyn"}) {
      const NamedSection* section = sections_.by_name(name);
      if (section == nullptr || section->header.sh_type != SHT_RELA ||
          !use_symbols(section->header.sh_link)) {
        continue;
      }
      const size_t most = kMaxRelocations * sizeof(Elf64_Rela);
      const std::vector<uint8_t> bytes = section_bytes(source_, *section, most);
      for (size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
        Elf64_Rela each{};
        std::memcpy(&each, bytes.data() + at, sizeof(each));
        if (names_function(each.r_info)) {
          words_.push_back({each.r_offset, static_cast<uint32_t>(ELF64_R_SYM(each.r_info))});
        }
      }
    }
    std::ranges::sort(words_, {}, [](const Word& w) { return std::tuple(w.address, w.symbol); });
  }

  // All relocations speak of one table of symbols: the first one's.
  bool use_symbols(uint32_t number) {
    if (symbols_ != nullptr) {
      return sections_.by_number(number) == symbols_;
    }
    const NamedSection* symbols = sections_.by_number(number);
    const NamedSection* names = symbols != nullptr && symbols->header.sh_type == SHT_DYNSYM
                                    ? sections_.by_number(symbols->header.sh_link)
                                    : nullptr;
    if (names == nullptr) {
      return false;
    }
    symbols_ = symbols;
    names_ = section_bytes(source_, *names, kMaxStubNameBytes);
    return true;
  }

  void read_stubs(const NamedSection& section) {
    const size_t step = section.header.sh_entsize == kShortStub ? kShortStub : kUsualStub;
    const std::vector<uint8_t> bytes = section_bytes(source_, section, kMaxStubs * step);
    const std::span<const uint8_t> all(bytes);
    for (size_t at = 0; at + step <= all.size() && out_.size() < kMaxStubs; at += step) {
      const uint64_t address = section.header.sh_addr + at;
      const auto stub = all.subspan(at, step);
      const auto word =
          file_.machine() == Machine::kX86 ? x86_word(stub, address) : arm_word(stub, address);
      if (!word) {
        continue;
      }
      const auto found = std::ranges::lower_bound(words_, *word, {}, &Word::address);
      if (found == words_.end() || found->address != *word) {
        continue;
      }
      std::string name = name_of(found->symbol);
      const auto start = file_.offset_of(address);
      if (!name.empty() && start) {
        out_.push_back({.start = *start, .size = step, .name = std::move(name), .rank = kRank});
      }
    }
  }

  std::string name_of(uint32_t number) const {
    constexpr std::string_view kMark = "@plt";
    const uint64_t into = uint64_t{number} * sizeof(Elf64_Sym);
    Elf64_Sym symbol{};
    if (into >= symbols_->size || !source_.read(symbols_->offset + into, symbol) ||
        symbol.st_name >= names_.size()) {
      return {};
    }
    const std::string_view pool(reinterpret_cast<const char*>(names_.data()), names_.size());
    std::string_view name = pool.substr(symbol.st_name, SymbolTable::kMaxName - kMark.size());
    name = name.substr(0, name.find('\0'));
    return name.empty() ? std::string() : std::string(name) + std::string(kMark);
  }

  const ElfFile& file_;
  const ByteSource source_;
  const ElfSections sections_;
  const NamedSection* symbols_ = nullptr;
  std::vector<uint8_t> names_;
  std::vector<Word> words_;
  std::vector<FunctionSymbol> out_;
};

}  // namespace

std::vector<FunctionSymbol> plt_names(const ElfFile& file) { return Stubs(file).read(); }

}  // namespace sonde
