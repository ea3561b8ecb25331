// SPDX-License-Identifier: Apache-2.0
// FileSymbols: the functions of one file, out of a table that another process made.
#pragma once

#include <optional>

#include "symbolizer/symbols/symbol_table.h"
#include "userspace/extraction/extractor.h"
#include "userspace/extraction/mapped_file.h"

namespace sonde {

class FileSymbols {
 public:
  // Waits until they are there. One that is kept but damaged is made anew. request.kind is set
  // here.
  static Result<FileSymbols> of(Extractor& extractor, extraction::Request request);

  // What a file of a table holds.
  static Result<FileSymbols> in(const Fd& table);

  std::optional<SymbolTable::Found> find(uint64_t file_offset) const {
    return table_.find(file_offset);
  }
  size_t size() const { return table_.size(); }

 private:
  FileSymbols(MappedFile file, SymbolTable table) : file_(std::move(file)), table_(table) {}

  MappedFile file_;
  SymbolTable table_;
};

}  // namespace sonde
