// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/file_symbols.h"

#include <utility>

namespace sonde {

Result<FileSymbols> FileSymbols::of(Extractor& extractor, extraction::Request request) {
  request.kind = extraction::TableKind::kSymbols;
  while (true) {
    const auto file = extractor.table(request);
    if (!file) {
      return std::unexpected(file.error());
    }
    auto mapped = MappedFile::of(*file);
    const auto table =
        mapped ? SymbolTable::over(mapped->bytes()) : std::unexpected(mapped.error());
    if (table) {
      return FileSymbols(*std::move(mapped), *table);
    }
    if (std::exchange(request.anew, true)) {
      return std::unexpected(table.error());
    }
  }
}

}  // namespace sonde
