// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/debug_image.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "symbolizer/lines/unpack.h"

namespace sonde {
namespace {

constexpr std::string_view kWanted[] = {".debug_info", ".debug_abbrev",   ".debug_line",
                                        ".debug_str",  ".debug_line_str", ".debug_str_offsets",
                                        ".debug_addr", ".debug_ranges",   ".debug_rnglists"};

// A part of a file that becomes a section.
struct Piece {
  std::string_view name;
  int fd;
  uint64_t offset;
  uint64_t size;
};

uint64_t page_size() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }
uint64_t page_of(uint64_t at) { return at & ~(page_size() - 1); }
uint64_t to_page(uint64_t at) { return page_of(at + page_size() - 1); }
uint64_t within_page(uint64_t at) { return at & (page_size() - 1); }

// Bytes of the mapping that shows it.
uint64_t shown(const Piece& piece) { return to_page(within_page(piece.offset) + piece.size); }

// The image's first bytes: header, section headers, their names. Sections follow one another, each
// on pages of its own.
std::vector<char> head_of(const Elf64_Ehdr& original, std::span<const Piece> pieces) {
  std::string names(1, '\0');
  std::vector<Elf64_Shdr> sections(pieces.size() + 2);  // none first, names last
  const size_t size = sizeof(Elf64_Ehdr) + sections.size() * sizeof(Elf64_Shdr);
  for (size_t i = 0; i < pieces.size(); ++i) {
    sections[i + 1].sh_name = static_cast<uint32_t>(names.size());
    names.append(pieces[i].name).push_back('\0');
  }
  sections.back().sh_name = static_cast<uint32_t>(names.size());
  names.append(".shstrtab").push_back('\0');
  sections.back().sh_type = SHT_STRTAB;
  sections.back().sh_offset = size;
  sections.back().sh_size = names.size();
  uint64_t at = to_page(size + names.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    Elf64_Shdr& section = sections[i + 1];
    section.sh_type = SHT_PROGBITS;
    section.sh_offset = at + within_page(pieces[i].offset);
    section.sh_size = pieces[i].size;
    section.sh_addralign = 1;
    at += shown(pieces[i]);
  }
  Elf64_Ehdr head = original;
  head.e_phoff = 0;
  head.e_phnum = 0;
  head.e_shoff = sizeof(head);
  head.e_ehsize = sizeof(head);
  head.e_shentsize = sizeof(Elf64_Shdr);
  head.e_shnum = static_cast<uint16_t>(sections.size());
  head.e_shstrndx = static_cast<uint16_t>(sections.size() - 1);
  std::vector<char> out(to_page(size + names.size()));
  std::memcpy(out.data(), &head, sizeof(head));
  std::memcpy(out.data() + sizeof(head), sections.data(), sections.size() * sizeof(Elf64_Shdr));
  std::memcpy(out.data() + size, names.data(), names.size());
  return out;
}

Result<Piece> piece_of(const NamedSection& section, std::string_view name, int fd,
                       ByteSource source, Scratch& scratch, uint64_t scratch_end) {
  const Elf64_Shdr& header = section.header;
  if ((header.sh_flags & SHF_COMPRESSED) == 0) {
    return Piece{.name = name, .fd = fd, .offset = header.sh_offset, .size = header.sh_size};
  }
  const auto size = unpack_section(source, header.sh_offset, header.sh_size, scratch.fd, scratch.at,
                                   scratch_end - scratch.at);
  if (!size) {
    return std::unexpected(size.error());
  }
  const uint64_t at = scratch.at;
  scratch.at += to_page(*size);
  return Piece{.name = name, .fd = scratch.fd, .offset = at, .size = *size};
}

}  // namespace

void DebugImage::Unmap::operator()(char* memory) const { ::munmap(memory, size); }

Result<DebugImage> DebugImage::open(int fd, Scratch& scratch) {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail("no regular file");
  }
  const auto source = ByteSource::of_file(fd, static_cast<uint64_t>(status.st_size));
  const ElfSections elf = ElfSections::read(source);
  if (!elf.is_elf()) {
    return fail("no ELF file of 64 bits, little-endian");
  }
  DebugImage image;
  image.code_ = code_ranges(source, elf);
  const uint64_t scratch_end = scratch.at + kMaxUnpacked;
  std::vector<Piece> pieces;
  uint64_t whole = 0;
  for (const std::string_view name : kWanted) {
    const NamedSection* section = elf.by_name(name);
    if (section == nullptr || !section->here || section->header.sh_size == 0) {
      continue;
    }
    const auto piece = piece_of(*section, name, fd, source, scratch, scratch_end);
    if (!piece) {
      return with_context(std::string(name), piece.error());
    }
    if (piece->size == 0) {
      continue;
    }
    whole += shown(*piece);
    image.line_bytes_ += name == ".debug_line" ? piece->size : 0;
    pieces.push_back(*piece);
  }
  if (pieces.empty() || pieces.front().name != ".debug_info") {
    return fail("no DWARF in it", ENODATA);
  }
  if (whole > kMaxBytes) {
    return fail("too much DWARF in it");
  }
  const std::vector<char> head = head_of(elf.head(), pieces);
  image.head_ = head.size();
  const size_t size = head.size() + whole;
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail_errno("memory for debug sections", errno);
  }
  image.memory_ = {static_cast<char*>(memory), Unmap{size}};
  std::memcpy(memory, head.data(), head.size());
  char* at = static_cast<char*>(memory) + head.size();
  for (const Piece& piece : pieces) {
    const uint64_t length = shown(piece);
    if (::mmap(at, length, PROT_READ, MAP_PRIVATE | MAP_FIXED, piece.fd,
               static_cast<off_t>(page_of(piece.offset))) == MAP_FAILED) {
      return fail_errno("mapping debug sections", errno);
    }
    at += length;
  }
  return image;
}

void DebugImage::release() const {
  const std::span<char> all = bytes();
  ::madvise(all.data() + head_, all.size() - head_, MADV_DONTNEED);
}

}  // namespace sonde
