// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/go_functions.h"

#include "symbolizer/symbols/go_program.h"

namespace sonde {

Result<std::vector<FunctionSymbol>> read_go_functions(ByteSource source) {
  auto program = GoProgram::open(source);
  if (!program) {
    return std::unexpected(program.error());
  }
  std::vector<FunctionSymbol> out;
  for (size_t i = 0; i < program->table().size(); ++i) {
    const auto function = program->table().function(i);
    if (!function || function->name.empty()) {
      continue;
    }
    for (const ElfSegment& segment : program->elf().segments()) {
      if (segment.executable && function->begin >= segment.address &&
          function->begin - segment.address < segment.size) {
        out.push_back({.start = segment.offset + (function->begin - segment.address),
                       .size = function->end - function->begin,
                       .name = std::string(function->name)});
        break;
      }
    }
  }
  return out;
}

}  // namespace sonde
