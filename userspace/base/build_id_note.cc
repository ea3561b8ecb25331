// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/build_id_note.h"

#include <elf.h>

#include <algorithm>
#include <string_view>

#include "userspace/base/bytes.h"

namespace sonde {

std::string build_id_in_notes(std::span<const uint8_t> notes, uint64_t alignment) {
  constexpr std::string_view kDigits = "0123456789abcdef";
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
        out += kDigits[static_cast<uint8_t>(byte) >> 4];
        out += kDigits[static_cast<uint8_t>(byte) & 15];
      }
      return out;
    }
  }
  return {};
}

}  // namespace sonde
