// SPDX-License-Identifier: Apache-2.0
// The functions of ELF files: of this very program, and of files that lie.
#include "symbolizer/symbols/elf_functions.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include "symbolizer/symbols/demangle.h"
#include "userspace/base/fd.h"
#include "userspace/inventory/mappings.h"

namespace sonde {

// Outside of any anonymous namespace, and not inlined: it has a symbol of its own.
[[gnu::noinline, gnu::noipa]] int a_function_to_be_found() { return 7; }

namespace {

std::vector<uint8_t> own_bytes() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  const std::string bytes = text.str();
  return {bytes.begin(), bytes.end()};
}

TEST(ElfFunctions, OfThisVeryProgram) {
  const std::vector<uint8_t> bytes = own_bytes();
  auto functions = read_functions(ByteSource::of_memory(bytes));
  ASSERT_TRUE(functions) << functions.error().what;
  const std::string encoded = SymbolTable::encode(*std::move(functions));
  const auto table = SymbolTable::over(encoded);
  ASSERT_TRUE(table);
  const auto mappings = read_mappings(Pid{static_cast<uint32_t>(getpid())});
  const auto address = reinterpret_cast<uint64_t>(&a_function_to_be_found);
  const Mapping* mapping = mappings->find(address);
  ASSERT_NE(mapping, nullptr);
  const auto found = table->find(address - mapping->start + mapping->offset);
  ASSERT_TRUE(found);
  EXPECT_EQ(demangle(found->name), "sonde::a_function_to_be_found()");
  EXPECT_EQ(found->offset, 0u);
}

TEST(ElfFunctions, AFileThatIsNone) {
  EXPECT_FALSE(read_functions(ByteSource::of_memory({})));
  const std::vector<uint8_t> text(1000, 'x');
  EXPECT_FALSE(read_functions(ByteSource::of_memory(text)));
  const Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(read_functions(ByteSource::of_file(nothing.get(), 1000)));
}

TEST(ElfFunctions, AFileThatIsCut) {
  const std::vector<uint8_t> bytes = own_bytes();
  for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 40) {
    (void)read_functions(ByteSource::of_memory(std::span(bytes).first(size)));
  }
}

// One segment, four sections: none, symbols, names, code.
class MadeFile {
 public:
  static constexpr uint64_t kAddress = 0x400000;
  static constexpr uint16_t kCode = 3;

  explicit MadeFile(std::string names) : names_(std::move(names)) {}

  void add(uint32_t name, uint8_t info, uint64_t value, uint64_t size, uint16_t section = kCode) {
    symbols_.push_back({.st_name = name,
                        .st_info = info,
                        .st_other = 0,
                        .st_shndx = section,
                        .st_value = value,
                        .st_size = size});
  }

  Elf64_Shdr symbol_section{};  // what differs from the truth
  uint16_t repeated = 0;        // how often more the section of symbols is told

  std::vector<FunctionSymbol> read() {
    constexpr uint64_t kSymbolsAt = 0x1000;
    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_type = ET_EXEC;
    head.e_machine = EM_X86_64;
    head.e_phoff = sizeof(head);
    head.e_phentsize = sizeof(Elf64_Phdr);
    head.e_phnum = 1;
    head.e_shoff = 0x200;
    head.e_shentsize = sizeof(Elf64_Shdr);
    head.e_shnum = static_cast<uint16_t>(4 + repeated);
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_flags = PF_R | PF_X;
    segment.p_vaddr = kAddress;
    segment.p_filesz = 0x800;
    Elf64_Shdr sections[4] = {};
    sections[1].sh_type = SHT_SYMTAB;
    sections[1].sh_offset = kSymbolsAt;
    sections[1].sh_size = symbols_.size() * sizeof(Elf64_Sym);
    sections[1].sh_link = 2;
    if (symbol_section.sh_type != 0) {
      sections[1] = symbol_section;
    }
    sections[2].sh_type = SHT_STRTAB;
    sections[2].sh_offset = kSymbolsAt + symbols_.size() * sizeof(Elf64_Sym);
    sections[2].sh_size = names_.size();
    sections[kCode].sh_type = SHT_PROGBITS;
    sections[kCode].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    std::vector<uint8_t> bytes(sections[2].sh_offset + names_.size());
    const auto put = [&](uint64_t at, const void* from, size_t size) {
      std::memcpy(bytes.data() + at, from, size);
    };
    put(0, &head, sizeof(head));
    put(sizeof(head), &segment, sizeof(segment));
    put(head.e_shoff, sections, sizeof(sections));
    for (size_t i = 0; i < repeated; ++i) {
      put(head.e_shoff + sizeof(sections) + i * sizeof(sections[1]), &sections[1],
          sizeof(sections[1]));
    }
    if (!symbols_.empty()) {
      put(kSymbolsAt, symbols_.data(), symbols_.size() * sizeof(Elf64_Sym));
    }
    put(sections[2].sh_offset, names_.data(), names_.size());
    return read_functions(ByteSource::of_memory(bytes)).value_or(std::vector<FunctionSymbol>());
  }

 private:
  std::string names_;
  std::vector<Elf64_Sym> symbols_;
};

constexpr uint8_t kFunction = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);

TEST(ElfFunctions, PlacesAreThoseInTheFile) {
  MadeFile file(std::string("\0main\0memcpy@@GLIBC_2.14\0", 25));
  file.add(1, kFunction, MadeFile::kAddress + 0x100, 16);
  file.add(6, ELF64_ST_INFO(STB_WEAK, STT_GNU_IFUNC), MadeFile::kAddress + 0x200, 0);
  const auto functions = file.read();
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].name, "main");
  EXPECT_EQ(functions[0].start, 0x100u);
  EXPECT_EQ(functions[0].size, 16u);
  EXPECT_EQ(functions[1].name, "memcpy");
  EXPECT_LT(functions[0].rank, functions[1].rank);
}

TEST(ElfFunctions, WhatIsNoCodeHasNoName) {
  MadeFile file(std::string("\0data\0$x\0.L1\0start\0", 19));
  file.add(1, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), MadeFile::kAddress, 1);
  file.add(1, kFunction, MadeFile::kAddress, 1, SHN_UNDEF);
  file.add(1, kFunction, MadeFile::kAddress + 0x800, 1);
  file.add(1, kFunction, 0, 1);
  file.add(1, kFunction, ~uint64_t{0}, 1);
  file.add(6, ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE), MadeFile::kAddress, 0);
  file.add(9, ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE), MadeFile::kAddress, 0);
  file.add(13, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), MadeFile::kAddress, 0);
  file.add(13, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), MadeFile::kAddress, 0, 1);
  file.add(13, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), MadeFile::kAddress, 0, SHN_ABS);
  file.add(0, kFunction, MadeFile::kAddress, 1);
  file.add(~0u, kFunction, MadeFile::kAddress, 1);
  const auto functions = file.read();
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].name, "start");
}

TEST(ElfFunctions, SectionsThatLie) {
  for (const uint64_t offset : {uint64_t{0}, uint64_t{0x1000}, uint64_t{1} << 40, ~uint64_t{0}}) {
    for (const uint64_t size : {uint64_t{0}, uint64_t{24}, uint64_t{1} << 40, ~uint64_t{0}}) {
      for (const uint32_t link : {0u, 1u, 2u, ~0u}) {
        MadeFile file(std::string("\0main\0", 6));
        file.add(1, kFunction, MadeFile::kAddress, 1);
        file.symbol_section.sh_type = SHT_DYNSYM;
        file.symbol_section.sh_offset = offset;
        file.symbol_section.sh_size = size;
        file.symbol_section.sh_link = link;
        EXPECT_LE(file.read().size(), 1u);
      }
    }
  }
}

TEST(ElfFunctions, ATableThatIsToldAgainIsReadOnce) {
  MadeFile file(std::string("\0f\0", 3));
  file.add(1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), MadeFile::kAddress + 0x10, 8);
  file.repeated = 40;
  EXPECT_EQ(file.read().size(), 1u);
}

}  // namespace
}  // namespace sonde
