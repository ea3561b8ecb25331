// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/lacking.h"

#include <elf.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "symbolizer/symbols/elf_sections.h"

namespace sonde {
namespace {

bool has_any(const ElfSections& sections, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(
      names, [&](std::string_view name) { return sections.by_name(name) != nullptr; });
}

}  // namespace

bool lacks_names(ByteSource file) {
  const ElfSections sections = ElfSections::read(file);
  return !has_any(sections, {".gnu_debugdata", ".gopclntab", ".data.rel.ro.gopclntab"}) &&
         std::ranges::none_of(sections.all(), [](const NamedSection& section) {
           return section.header.sh_type == SHT_SYMTAB && section.size > 0;
         });
}

bool lacks_lines(ByteSource file) {
  return !has_any(ElfSections::read(file),
                  {".debug_info", ".zdebug_info", ".gopclntab", ".data.rel.ro.gopclntab"});
}

}  // namespace sonde
