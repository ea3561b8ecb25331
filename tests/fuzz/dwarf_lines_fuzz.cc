// SPDX-License-Identifier: Apache-2.0
// An ELF file whose lines are read, by libdw: its faults are contained by the process that this
// runs in, and are looked for all the same.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "symbolizer/lines/dwarf_lines.h"
#include "symbolizer/lines/line_table.h"
#include "tests/support/scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const sonde::Fd file = sonde::scratch_file();
  const sonde::Fd out = sonde::scratch_file();
  if (::pwrite(file.get(), data, size, 0) != static_cast<ssize_t>(size) ||
      !sonde::write_lines(file.get(), file.get(), out.get())) {
    return 0;
  }
  const std::string bytes = sonde::bytes_of_file(out.get());
  const auto table = sonde::LineTable::over(bytes);
  if (!table) {
    abort();
  }
  std::vector<sonde::LineFrame> frames;
  for (uint64_t address = 0; address < 0x2000; address += 8) {
    table->find(address, frames);
  }
  return 0;
}
