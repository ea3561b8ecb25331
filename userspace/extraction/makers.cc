// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/makers.h"

#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <string>

#include "symbolizer/lines/debug_image.h"
#include "symbolizer/lines/dwarf_lines.h"
#include "symbolizer/lines/go_lines.h"
#include "symbolizer/symbols/elf_functions.h"
#include "symbolizer/symbols/lacking.h"

namespace sonde::extraction {
namespace {

Result<> write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return fail_errno("write a table", errno);
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<> make_symbols(const FileToRead& file, const std::optional<FileToRead>& separate, int out) {
  auto functions =
      read_functions(file.bytes(), separate ? std::optional(separate->bytes()) : std::nullopt);
  if (!functions) {
    return std::unexpected(functions.error());
  }
  return write_all(out, SymbolTable::encode(*std::move(functions)));
}

// A Go program's own table is read much faster than its DWARF, and tells the same.
Result<> make_lines(const FileToRead& file, const std::optional<FileToRead>& separate, int out) {
  if (write_go_lines(file.bytes(), out)) {
    return {};
  }
  if (::ftruncate(out, 0) != 0) {
    return fail_errno("write a table", errno);
  }
  auto written = write_lines(separate ? separate->fd : file.fd, -1, out);
  if (!written && written.error().code == ENODATA) {
    written = LineTableWriter(out, 0, 0).finish();  // so that nobody looks for them again
  }
  return written ? Result<>() : std::unexpected(written.error());
}

// By TableKind. Lines: sections are mapped, and unpacked behind the table.
constexpr Maker kMakers[] = {
    {.ending = "sym", .limits = {}, .lacks = lacks_names, .make = make_symbols},
    {.ending = "lines",
     .limits = {.cpu_seconds = 60,
                .seconds = 120,
                .memory = uint64_t{6} << 30,
                .file = kScratchAt + DebugImage::kMaxUnpacked},
     .lacks = lacks_lines,
     .make = make_lines}};

}  // namespace

const Maker* maker_of(TableKind kind) {
  const auto number = static_cast<size_t>(kind);
  return number < std::size(kMakers) ? &kMakers[number] : nullptr;
}

}  // namespace sonde::extraction
