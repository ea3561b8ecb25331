// SPDX-License-Identifier: Apache-2.0
// FileTable: one of a file's tables that another process made, mapped and checked.
#pragma once

#include <utility>

#include "symbolizer/lines/line_table.h"
#include "symbolizer/symbols/symbol_table.h"
#include "userspace/extraction/extractor.h"
#include "userspace/extraction/mapped_file.h"

namespace sonde {

template <typename Table, extraction::TableKind kKind>
class FileTable {
 public:
  // What a file of a table holds.
  static Result<FileTable> in(const Fd& table) {
    auto mapped = MappedFile::of(table);
    if (!mapped) {
      return std::unexpected(mapped.error());
    }
    auto read = Table::over(mapped->bytes());
    if (!read) {
      return std::unexpected(read.error());
    }
    return FileTable(*std::move(mapped), *std::move(read));
  }

  // Waits until it is there. One that is kept but damaged is made anew. request.kind is set here.
  static Result<FileTable> of(Extractor& extractor, extraction::Request request) {
    request.kind = kKind;
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

  const Table& operator*() const { return table_; }
  const Table* operator->() const { return &table_; }

 private:
  FileTable(MappedFile file, Table table) : file_(std::move(file)), table_(std::move(table)) {}

  MappedFile file_;
  Table table_;
};

using FileSymbols = FileTable<SymbolTable, extraction::TableKind::kSymbols>;
using FileLines = FileTable<LineTable, extraction::TableKind::kLines>;

}  // namespace sonde
