// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/build_id.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "userspace/base/build_id_note.h"

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
