// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "userspace/base/bytes.h"

namespace sonde {
namespace {

constexpr size_t kMaxSegments = 128;
constexpr size_t kMaxNotes = size_t{64} * 1024;
constexpr unsigned char kOwnOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

// All of the room, or false.
bool read_at(int file, uint64_t offset, std::span<uint8_t> room) {
  constexpr uint64_t kMaxOffset = uint64_t{1} << 62;
  return offset < kMaxOffset &&
         ::pread(file, room.data(), room.size(), static_cast<off_t>(offset)) ==
             static_cast<ssize_t>(room.size());
}

template <typename T>
bool read_struct(int file, uint64_t offset, T& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  return read_at(file, offset, {reinterpret_cast<uint8_t*>(&out), sizeof(out)});
}

}  // namespace

std::string build_id_in_notes(std::span<const uint8_t> notes, uint64_t alignment) {
  const uint64_t align = alignment == 8 ? 8 : 4;
  Bytes in(notes);
  // Every part begins at a multiple of it, counted from the segment's beginning.
  const auto skip_padding = [&] {
    const uint64_t at = notes.size() - in.left();
    in.skip(std::min<uint64_t>((align - at % align) % align, in.left()));
  };
  Elf64_Nhdr note{};
  while (in.read(note)) {
    const auto name = in.take(note.n_namesz);
    skip_padding();
    const auto value = in.take(note.n_descsz);
    skip_padding();
    if (!name || !value) {
      break;
    }
    if (note.n_type == NT_GNU_BUILD_ID &&
        *name == std::string_view(ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) && !value->empty() &&
        value->size() <= kMaxBuildId) {
      std::string out;
      for (const char byte : *value) {
        out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
      }
      return out;
    }
  }
  return {};
}

std::string read_build_id(int file) {
  Elf64_Ehdr head{};
  if (!read_struct(file, 0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != kOwnOrder ||
      head.e_phentsize != sizeof(Elf64_Phdr)) {
    return {};
  }
  const size_t segments = std::min<size_t>(head.e_phnum, kMaxSegments);
  for (size_t i = 0; i < segments; ++i) {
    Elf64_Phdr segment{};
    if (head.e_phoff > UINT32_MAX ||
        !read_struct(file, head.e_phoff + i * sizeof(segment), segment)) {
      return {};
    }
    if (segment.p_type != PT_NOTE || segment.p_filesz == 0) {
      continue;
    }
    std::vector<uint8_t> notes(std::min<uint64_t>(segment.p_filesz, kMaxNotes));
    if (!read_at(file, segment.p_offset, notes)) {
      continue;
    }
    if (std::string id = build_id_in_notes(notes, segment.p_align); !id.empty()) {
      return id;
    }
  }
  return {};
}

}  // namespace sonde
