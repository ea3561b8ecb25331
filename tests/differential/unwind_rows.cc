// SPDX-License-Identifier: Apache-2.0
// unwind_rows FILE: its rows, one a line, all numbers hexadecimal or signed decimal:
//   address cfa-kind cfa-offset fp-kind ra-kind offset interrupted
// and on stderr what was passed over. Exit status 3: no file that is unwound.
#include "symbolizer/unwind/unwind_rows.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cinttypes>
#include <cstdio>

int main(int argc, char** argv) {
  constexpr int kNotUnwound = 3;
  struct stat status{};
  const int fd = argc == 2 ? ::open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    std::fprintf(stderr, "usage: unwind_rows FILE\n");
    return 2;
  }
  const auto file =
      sonde::ElfFile::open(sonde::ByteSource::of_file(fd, static_cast<uint64_t>(status.st_size)));
  if (!file) {
    std::fprintf(stderr, "%s\n", file.error().what.c_str());
    return kNotUnwound;
  }
  const sonde::UnwindCounts counts =
      sonde::make_unwind_rows(*file, [](uint64_t address, const sonde_rule& rule) {
        std::printf("%" PRIx64 " %d %d %d %d %d %d\n", address, rule.cfa, rule.cfa_offset,
                    SONDE_SAVED_FP(rule.saved), SONDE_SAVED_RA(rule.saved), rule.offset,
                    SONDE_SAVED_INTERRUPTED(rule.saved));
      });
  std::fprintf(stderr,
               "functions %" PRIu64 " rows %" PRIu64 " unsound %" PRIu64 " left out %" PRIu64 "\n",
               counts.functions, counts.rows, counts.unsound, counts.left_out);
  return 0;
}
