// SPDX-License-Identifier: Apache-2.0
// Stubs of calls to other files: made ones, and this program's own.
#include "symbolizer/symbols/plt_names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/made_elf.h"

namespace sonde {
namespace {

constexpr uint64_t kWords = 0x480000;  // where the words are that stubs jump by

std::string x86_stub(uint64_t at, uint64_t word, std::string before, size_t size = 16) {
  std::string out = std::move(before) + "\xff\x25";
  const auto displacement = static_cast<int32_t>(word - (at + out.size() + 4));
  out.append(reinterpret_cast<const char*>(&displacement), 4);
  out.resize(size, '\x90');
  return out;
}

std::vector<FunctionSymbol> names_of(const std::vector<uint8_t>& bytes) {
  const auto file = ElfFile::open(ByteSource::of_memory(bytes));
  return file ? plt_names(*file) : std::vector<FunctionSymbol>();
}

Elf64_Rela relocation(uint64_t word, uint32_t symbol, uint32_t type) {
  return {.r_offset = word, .r_info = ELF64_R_INFO(uint64_t{symbol}, type), .r_addend = 0};
}

MadeElf made_x86(const std::vector<Elf64_Rela>& words) {
  MadeElf elf;
  const uint32_t symbols = elf.add_symbols(SHT_DYNSYM, {{.name = "memcpy"}, {.name = "puts"}});
  elf.add(
      {.name = ".rela.plt", .type = SHT_RELA, .bytes = MadeElf::bytes_of(words), .link = symbols});
  const uint64_t at = MadeElf::address_of(4);
  elf.add({.name = ".plt",
           .type = SHT_PROGBITS,
           .bytes = x86_stub(at, kWords - 8, "\xff\x35....") + x86_stub(at + 16, kWords, "") +
                    x86_stub(at + 32, kWords + 8, "\xf3\x0f\x1e\xfa\xf2"),
           .entry_size = 16});
  return elf;
}

TEST(PltNames, ByTheWordThatAStubJumpsBy) {
  MadeElf elf = made_x86(
      {relocation(kWords + 8, 2, R_X86_64_JUMP_SLOT), relocation(kWords, 1, R_X86_64_JUMP_SLOT)});
  const uint64_t at = MadeElf::address_of(5);
  elf.add({.name = ".plt.got",
           .type = SHT_PROGBITS,
           .bytes = x86_stub(at, kWords + 8, "", 8) + x86_stub(at + 8, kWords, "", 8),
           .entry_size = 8});
  const auto names = names_of(elf.file());
  ASSERT_EQ(names.size(), 4u);
  EXPECT_EQ(names[0].name, "memcpy@plt");
  EXPECT_EQ(names[0].start, MadeElf::offset_of(4) + 16);
  EXPECT_EQ(names[0].size, 16u);
  EXPECT_EQ(names[1].name, "puts@plt");
  EXPECT_EQ(names[1].start, MadeElf::offset_of(4) + 32);
  EXPECT_EQ(names[2].name, "puts@plt");
  EXPECT_EQ(names[2].start, MadeElf::offset_of(5));
  EXPECT_EQ(names[3].size, 8u);
}

TEST(PltNames, AWordOfAnotherKindNamesNothing) {
  EXPECT_TRUE(names_of(made_x86({relocation(kWords, 1, R_X86_64_IRELATIVE),
                                 relocation(kWords + 8, 1, R_X86_64_RELATIVE)})
                           .file())
                  .empty());
  EXPECT_TRUE(names_of(made_x86({relocation(kWords, 0, R_X86_64_JUMP_SLOT),
                                 relocation(kWords + 8, ~0u, R_X86_64_JUMP_SLOT)})
                           .file())
                  .empty());
  EXPECT_TRUE(names_of(made_x86({}).file()).empty());
}

TEST(PltNames, OfArm64) {
  MadeElf elf(EM_AARCH64);
  const uint32_t symbols = elf.add_symbols(SHT_DYNSYM, {{.name = "memcpy"}});
  const uint64_t page = MadeElf::address_of(4) & ~uint64_t{0xfff};
  elf.add({.name = ".rela.plt",
           .type = SHT_RELA,
           .bytes = MadeElf::bytes_of<Elf64_Rela>(
               {relocation(page - 0x3000 + 0x18, 1, R_AARCH64_JUMP_SLOT)}),
           .link = symbols});
  const uint32_t pages = static_cast<uint32_t>(-3);
  elf.add({.name = ".plt",
           .type = SHT_PROGBITS,
           .bytes = MadeElf::bytes_of<uint32_t>(
               {0x90000010 | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5,  // adrp x16
                0xf9400211 | (0x18 / 8) << 10,                                 // ldr x17
                0x91000210 | 0x18 << 10, 0xd61f0220})});
  const auto names = names_of(elf.file());
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(names[0].name, "memcpy@plt");
  EXPECT_EQ(names[0].start, MadeElf::offset_of(4));
}

TEST(PltNames, OfAFileThatIsCutOrDamaged) {
  const std::vector<uint8_t> good = made_x86({relocation(kWords, 1, R_X86_64_JUMP_SLOT)}).file();
  ASSERT_EQ(names_of(good).size(), 1u);
  for (size_t size = 0; size < good.size(); size += 61) {
    const std::vector<uint8_t> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    names_of(cut);
  }
  for (size_t i = 0; i < good.size(); i += i < 0x1000 ? 1 : 7) {
    std::vector<uint8_t> bad = good;
    bad[i] = 0xff;
    for (const FunctionSymbol& each : names_of(bad)) {
      EXPECT_TRUE(each.name.ends_with("@plt"));
    }
  }
}

}  // namespace
}  // namespace sonde
