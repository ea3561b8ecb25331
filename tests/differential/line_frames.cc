// SPDX-License-Identifier: Apache-2.0
// Our side of tests/differential/lines_differential.py.
//   line_frames make FILE TABLE [ALTERNATE]   makes FILE's table, and says how long that took
//   line_frames go FILE TABLE                 the same, of a Go program by its own table
//   line_frames find TABLE                    addresses from standard input, one a line,
//   hexadecimal:
//                                             "function\tfile\tline" each, innermost first, an
//                                             empty line behind each address
//   line_frames time TABLE                    the same addresses, again and again: how many a
//   second
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>

#include "symbolizer/lines/dwarf_lines.h"
#include "symbolizer/lines/go_lines.h"
#include "symbolizer/lines/line_table.h"
#include "userspace/base/fd.h"

namespace {

using Clock = std::chrono::steady_clock;

int say(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  return 1;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// getrusage() would tell the parent's, if that was larger.
long peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      return std::strtol(line.c_str() + 6, nullptr, 10);
    }
  }
  return 0;
}

sonde::Result<sonde::LinesWritten> go_lines(int elf, int out) {
  struct stat status{};
  ::fstat(elf, &status);
  const auto size = static_cast<uint64_t>(status.st_size);
  return sonde::write_go_lines(sonde::ByteSource::of_file(elf, size), out);
}

int make(bool go, const char* path, const char* table, const char* alternate) {
  const sonde::Fd elf(::open(path, O_RDONLY | O_CLOEXEC));
  const sonde::Fd other(alternate == nullptr ? -1 : ::open(alternate, O_RDONLY | O_CLOEXEC));
  const sonde::Fd out(::open(table, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const auto start = Clock::now();
  const auto written =
      go ? go_lines(elf.get(), out.get()) : sonde::write_lines(elf.get(), other.get(), out.get());
  if (!written) {
    return say(written.error().what);
  }
  std::printf("%.2f s, %ld KiB at most: %" PRIu64 " bytes, %" PRIu64 " rows, %" PRIu64
              " nodes, %" PRIu64 " left out\n",
              seconds_since(start), peak_rss_kib(), written->bytes, written->rows, written->nodes,
              written->left_out);
  return 0;
}

int find(const sonde::LineTable& table, bool timed) {
  std::vector<uint64_t> addresses;
  for (std::string line; std::getline(std::cin, line);) {
    addresses.push_back(std::strtoull(line.c_str(), nullptr, 16));
  }
  std::vector<sonde::LineFrame> frames;
  if (!timed) {
    for (const uint64_t address : addresses) {
      table.find(address, frames);
      for (const sonde::LineFrame& frame : frames) {
        std::printf("%.*s\t%.*s\t%u\n", static_cast<int>(frame.function.size()),
                    frame.function.data(), static_cast<int>(frame.file.size()), frame.file.data(),
                    frame.line);
      }
      std::printf("\n");
    }
    return 0;
  }
  constexpr size_t kAtLeast = 5'000'000;
  size_t found = 0;
  size_t asked = 0;
  const std::clock_t start = std::clock();  // of this process's own time: others run too
  while (asked < kAtLeast && !addresses.empty()) {
    for (const uint64_t address : addresses) {
      table.find(address, frames);
      found += frames.size();
    }
    asked += addresses.size();
  }
  const double took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%.0f addresses a second, %.2f frames each, %ld KiB at most\n",
              static_cast<double>(asked) / took,
              static_cast<double>(found) / static_cast<double>(asked), peak_rss_kib());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc < 3 ? "" : argv[1];
  if ((verb == "make" || verb == "go") && argc >= 4) {
    return make(verb == "go", argv[2], argv[3], argc > 4 ? argv[4] : nullptr);
  }
  if (verb != "find" && verb != "time") {
    return say(
        "usage: line_frames make FILE TABLE [ALTERNATE] | go FILE TABLE | find TABLE | time TABLE");
  }
  const sonde::Fd file(::open(argv[2], O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!file.ok() || ::fstat(file.get(), &status) != 0) {
    return say("no such table");
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) {
    return say("a table that cannot be mapped");
  }
  const auto start = Clock::now();
  const auto table = sonde::LineTable::over({static_cast<const char*>(memory), size});
  if (!table) {
    return say(table.error().what);
  }
  if (verb == "time") {
    std::printf("opened in %.1f ms\n", seconds_since(start) * 1000);
  }
  return find(*table, verb == "time");
}
