// SPDX-License-Identifier: Apache-2.0
// The sections of an ELF file, by number and by name. Those whose bytes are not in the file as they
// are, or not at all, have none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/unwind/byte_source.h"

namespace sonde {

struct NamedSection {
  std::string name;  // its beginning, if it is longer than any that we know
  uint32_t type = 0;
  uint32_t link = 0;  // the number of another one
  uint64_t address = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t entry_size = 0;
};

class ElfSections {
 public:
  static constexpr size_t kMaxSections = 65'535;

  // Empty: it is no file of 64 bits, or has no sections.
  static ElfSections read(ByteSource source);

  const std::vector<NamedSection>& all() const { return all_; }
  // Null: there is none.
  const NamedSection* by_name(std::string_view name) const;
  const NamedSection* by_number(uint32_t number) const;

 private:
  std::vector<NamedSection> all_;
};

// The bytes of a section; empty if they are more than `most` or cannot be had.
std::vector<uint8_t> section_bytes(ByteSource source, const NamedSection& section, size_t most);

}  // namespace sonde
