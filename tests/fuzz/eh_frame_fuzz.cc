// SPDX-License-Identifier: Apache-2.0
// An ELF file of any bytes: its rows ascend, and no two neighbours are alike. So that the fuzzer
// need not invent a whole ELF file, input that is none is taken for the bytes of .eh_frame.
#include <elf.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "symbolizer/unwind/unwind_rows.h"

namespace {

constexpr uint64_t kFrameAt = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Shdr) + 16;

std::vector<uint8_t> elf_around(const uint8_t* data, size_t size) {
  std::vector<uint8_t> out(kFrameAt + size);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shoff = sizeof(header);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  std::memcpy(out.data(), &header, sizeof(header));
  Elf64_Shdr sections[3]{};
  sections[1].sh_offset = sizeof(header) + sizeof(sections);
  sections[1].sh_size = 16;
  sections[2].sh_name = 1;
  sections[2].sh_type = SHT_PROGBITS;
  sections[2].sh_offset = kFrameAt;
  sections[2].sh_addr = 0x10000;
  sections[2].sh_size = size;
  std::memcpy(out.data() + sizeof(header), sections, sizeof(sections));
  std::memcpy(out.data() + sections[1].sh_offset + 1, ".eh_frame", sizeof(".eh_frame"));
  if (size > 0) {
    std::memcpy(out.data() + kFrameAt, data, size);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  if (size < SELFMAG || std::memcmp(data, ELFMAG, SELFMAG) != 0) {
    bytes = elf_around(data, size);
  }
  const auto file = sonde::ElfFile::open(sonde::ByteSource::of_memory(bytes));
  if (!file) {
    return 0;
  }
  uint64_t last = 0;
  bool any = false;
  sonde_rule before{};
  sonde::make_unwind_rows(*file, [&](uint64_t address, const sonde_rule& rule) {
    if ((any && address <= last) || sonde::operator==(rule, before)) {
      abort();
    }
    any = true;
    last = address;
    before = rule;
  });
  return 0;
}
