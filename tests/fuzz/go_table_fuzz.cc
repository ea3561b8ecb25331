// SPDX-License-Identifier: Apache-2.0
// An ELF file that may be a Go program, by its own table: functions and lines.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "symbolizer/lines/go_lines.h"
#include "symbolizer/lines/line_table.h"
#include "symbolizer/symbols/go_functions.h"
#include "symbolizer/symbols/go_rows.h"
#include "tests/support/scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  const auto source = ByteSource::of_memory({data, size});
  const auto functions = read_go_functions(source);
  const Fd out = scratch_file();
  if (functions.has_value() != write_go_lines(source, out.get()).has_value()) {
    abort();
  }
  if (!functions) {
    return 0;
  }
  for (const FunctionSymbol& function : *functions) {
    if (function.name.empty() || function.start >= size) {
      abort();
    }
  }
  if (const auto elf = ElfFile::open(source)) {
    uint64_t before = 0;
    make_file_rows(*elf, [&](uint64_t address, const sonde_rule&) {
      if (address < before) {
        abort();
      }
      before = address;
    });
  }
  const std::string bytes = bytes_of_file(out.get());
  if (!LineTable::over(bytes)) {
    abort();
  }
  return 0;
}
