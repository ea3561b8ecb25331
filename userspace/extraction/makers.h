// SPDX-License-Identifier: Apache-2.0
// The makers of tables: what a worker does with a hostile file when it may do nothing else.
#pragma once

#include <optional>
#include <string_view>

#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"
#include "userspace/extraction/request.h"
#include "userspace/extraction/worker.h"

namespace sonde::extraction {

// A file that is open for reading.
struct FileToRead {
  int fd;
  uint64_t size;

  ByteSource bytes() const { return ByteSource::of_file(fd, size); }
};

struct Maker {
  // What its tables are kept under, behind the dot.
  std::string_view ending;
  WorkerLimits limits;
  // Whether a separate file would say more than the file itself.
  bool (*lacks)(ByteSource file);
  // Writes the table of a file to an empty one. `separate` has its symbols and its lines, if it
  // has none.
  Result<> (*make)(const FileToRead& file, const std::optional<FileToRead>& separate, int out);
};

// Null: nobody makes such a table.
const Maker* maker_of(TableKind kind);

}  // namespace sonde::extraction
