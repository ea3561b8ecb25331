// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/elf_file.h"

#include <elf.h>

#include <algorithm>

#include "symbolizer/unwind/encoded_pointer.h"
#include "userspace/base/build_id_note.h"
#include "userspace/base/bytes.h"

namespace sonde {
namespace {

constexpr size_t kMaxSegments = 1024;
// ELF's own limit without its extension; with it, files of object code have more. Those are not
// what runs.
constexpr size_t kMaxSections = 65535;
constexpr size_t kMaxNoteBytes = size_t{64} * 1024;
constexpr size_t kLongestName = sizeof(".gnu.version_r");  // beyond it no name that we know

bool within(uint64_t offset, uint64_t size, uint64_t whole) {
  return offset <= whole && size <= whole - offset;
}

}  // namespace

Result<ElfFile> ElfFile::open(ByteSource source) {
  ElfFile file(source);
  Elf64_Ehdr header{};
  if (!source.read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return fail("no ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return fail("not of 64 bits, little end first");
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return fail("neither executable nor shared object");
  }
  if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64) {
    return fail("of a machine that is not unwound: " + std::to_string(header.e_machine));
  }
  file.machine_ = static_cast<Machine>(header.e_machine);
  if (Result<> read = file.read_segments(header.e_phoff, header.e_phentsize, header.e_phnum);
      !read) {
    return std::unexpected(read.error());
  }
  file.read_sections(header.e_shoff, header.e_shentsize, header.e_shnum, header.e_shstrndx);
  if (!file.eh_frame_) {
    file.find_eh_frame_by_index();
  }
  return file;
}

Result<> ElfFile::read_segments(uint64_t table, size_t entry, size_t count) {
  if (entry < sizeof(Elf64_Phdr) || count > kMaxSegments ||
      !within(table, entry * count, source_.size())) {
    return fail("its segments are not in the file");
  }
  for (size_t i = 0; i < count; i++) {
    Elf64_Phdr segment{};
    if (!source_.read(table + i * entry, segment)) {
      return fail("its segments cannot be read");
    }
    if (!within(segment.p_offset, segment.p_filesz, source_.size()) ||
        segment.p_vaddr > UINT64_MAX - segment.p_filesz) {
      continue;
    }
    if (segment.p_type == PT_LOAD) {
      segments_.push_back({.offset = segment.p_offset,
                           .address = segment.p_vaddr,
                           .size = segment.p_filesz,
                           .executable = (segment.p_flags & PF_X) != 0});
    } else if (segment.p_type == PT_NOTE) {
      read_notes(segment.p_offset, segment.p_filesz, segment.p_align);
    } else if (segment.p_type == PT_GNU_EH_FRAME) {
      eh_frame_index_ = segment.p_vaddr;
    }
  }
  return {};
}

void ElfFile::read_sections(uint64_t table, size_t entry, size_t count, size_t names) {
  Elf64_Shdr strings{};
  if (entry < sizeof(Elf64_Shdr) || count > kMaxSections || names >= count ||
      !within(table, entry * count, source_.size()) ||
      !source_.read(table + names * entry, strings) ||
      !within(strings.sh_offset, strings.sh_size, source_.size())) {
    return;
  }
  for (size_t i = 0; i < count; i++) {
    Elf64_Shdr section{};
    std::array<char, kLongestName> text{};
    if (!source_.read(table + i * entry, section) || section.sh_name >= strings.sh_size) {
      continue;
    }
    const size_t length = std::min<uint64_t>(text.size(), strings.sh_size - section.sh_name);
    source_.read(strings.sh_offset + section.sh_name,
                 std::span(reinterpret_cast<uint8_t*>(text.data()), length));
    const std::string_view name(text.data(), strnlen(text.data(), length));
    if (section.sh_type == SHT_NOBITS || (section.sh_flags & SHF_COMPRESSED) != 0 ||
        !within(section.sh_offset, section.sh_size, source_.size())) {
      continue;
    }
    const ElfSection found{
        .offset = section.sh_offset, .address = section.sh_addr, .size = section.sh_size};
    if (name == ".eh_frame") {
      eh_frame_ = found;
    } else if (name == ".debug_frame") {
      debug_frame_ = found;
    } else if (section.sh_type == SHT_NOTE && build_id_.empty()) {
      read_notes(section.sh_offset, section.sh_size, section.sh_addralign);
    }
  }
}

void ElfFile::read_notes(uint64_t offset, uint64_t size, uint64_t alignment) {
  std::vector<uint8_t> notes(std::min<uint64_t>(size, kMaxNoteBytes));
  if (build_id_.empty() && source_.read(offset, std::span<uint8_t>(notes))) {
    build_id_ = build_id_in_notes(notes, alignment);
  }
}

std::optional<uint64_t> ElfFile::offset_of(uint64_t address) const {
  for (const ElfSegment& segment : segments_) {
    if (address >= segment.address && address - segment.address < segment.size) {
      return segment.offset + (address - segment.address);
    }
  }
  return std::nullopt;
}

// .eh_frame_hdr begins with where .eh_frame is; that one ends by itself, or with its segment.
void ElfFile::find_eh_frame_by_index() {
  const std::optional<uint64_t> index =
      eh_frame_index_ ? offset_of(*eh_frame_index_) : std::nullopt;
  std::array<uint8_t, 12> head{};
  if (!index || !source_.read(*index, std::span<uint8_t>(head)) || head[0] != 1) {
    return;
  }
  Bytes at{std::span<const uint8_t>(head).subspan(4)};
  const std::optional<uint64_t> address =
      read_pointer(at, head[1], {.here = *eh_frame_index_ + 4, .data = eh_frame_index_});
  if (!address) {
    return;
  }
  for (const ElfSegment& segment : segments_) {
    if (*address >= segment.address && *address - segment.address < segment.size) {
      const uint64_t into = *address - segment.address;
      eh_frame_ = {
          .offset = segment.offset + into, .address = *address, .size = segment.size - into};
      return;
    }
  }
}

}  // namespace sonde
