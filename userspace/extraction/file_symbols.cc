// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/file_symbols.h"

#include <utility>

namespace sonde {

Result<FileSymbols> FileSymbols::in(const Fd& table) {
  auto mapped = MappedFile::of(table);
  if (!mapped) {
    return std::unexpected(mapped.error());
  }
  const auto read = SymbolTable::over(mapped->bytes());
  if (!read) {
    return std::unexpected(read.error());
  }
  return FileSymbols(*std::move(mapped), *read);
}

Result<FileSymbols> FileSymbols::of(Extractor& extractor, extraction::Request request) {
  request.kind = extraction::TableKind::kSymbols;
  while (true) {
    const auto table = extractor.table(request);
    if (!table) {
      return std::unexpected(table.error());
    }
    auto read = in(*table);
    if (read || std::exchange(request.anew, true)) {
      return read;
    }
  }
}

}  // namespace sonde
