// SPDX-License-Identifier: Apache-2.0
// The makers of tables: what a worker does with a hostile file when it may do nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"
#include "userspace/extraction/request.h"

namespace sonde::extraction {

struct Maker {
  // What its tables are kept under, behind the dot.
  std::string_view ending;
  // The bytes of the table of a file; `separate` has its symbols and its lines, if it has none.
  Result<std::string> (*make)(ByteSource file, const std::optional<ByteSource>& separate);
};

// Null: nobody makes such a table.
const Maker* maker_of(TableKind kind);

}  // namespace sonde::extraction
