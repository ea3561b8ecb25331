// SPDX-License-Identifier: Apache-2.0
// unwind_rows FILE: its rows, one a line, all numbers hexadecimal or signed decimal:
//   address cfa-kind cfa-offset fp-kind ra-kind offset interrupted
// and on stderr what was passed over. Exit status 3: no file that is unwound. They go through a
// rows file, as they will in use.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "symbolizer/unwind/rows_file.h"
#include "userspace/base/fd.h"

namespace {

constexpr int kNotUnwound = 3;

int say(const std::string& what, int status) {
  std::fprintf(stderr, "%s\n", what.c_str());
  return status;
}

// The rows without those that pages begin with only because they are pages.
void print(const sonde::RowsView& view) {
  sonde_rule before{};
  for (const sonde::RowPage& page : view.pages()) {
    for (const sonde_row& row : view.page(page.number)) {
      const sonde_rule rule = view.rules()[row.rule];
      if (__builtin_memcmp(&rule, &before, sizeof(rule)) != 0) {
        std::printf("%" PRIx64 " %d %d %d %d %d %d\n",
                    (uint64_t{page.number} << SONDE_UNWIND_PAGE_BITS) + row.lo, rule.cfa,
                    rule.cfa_offset, SONDE_SAVED_FP(rule.saved), SONDE_SAVED_RA(rule.saved),
                    rule.offset, SONDE_SAVED_INTERRUPTED(rule.saved));
      }
      before = rule;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  struct stat status{};
  const sonde::Fd fd(argc == 2 ? ::open(argv[1], O_RDONLY | O_CLOEXEC) : -1);
  if (!fd.ok() || ::fstat(fd.get(), &status) != 0) {
    return say("usage: unwind_rows FILE", 2);
  }
  const auto file = sonde::ElfFile::open(
      sonde::ByteSource::of_file(fd.get(), static_cast<uint64_t>(status.st_size)));
  if (!file) {
    return say(file.error().what, kNotUnwound);
  }
  std::string folder = "/tmp/unwind_rows.XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return say("no folder below /tmp", 1);
  }
  const std::string path = folder + "/rows";
  const std::string identity = sonde::rows_identity(*file, status);
  const auto written = sonde::RowsFile::write(*file, identity, path);
  const auto rows = sonde::RowsFile::open(path, identity);
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
  if (!written || !rows) {
    return say(written ? rows.error().what : written.error().what, 1);
  }
  print(rows->view());
  std::fprintf(stderr,
               "functions %" PRIu64 " rows %" PRIu64 " unsound %" PRIu64 " left out %" PRIu64
               " pages %zu rules %zu%s\n",
               written->counts.functions, written->counts.rows, written->counts.unsound,
               written->counts.left_out + written->rules_refused, rows->view().pages().size(),
               rows->view().rules().size(), written->cut ? " cut" : "");
  return 0;
}
