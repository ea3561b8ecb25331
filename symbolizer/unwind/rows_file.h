// SPDX-License-Identifier: Apache-2.0
// RowsFile: a file's rows on disk, so that they are made once for each build: written beside their
// place and renamed into it, checked when they are opened, mapped for reading. The folder is
// Sonde's own: nobody else may write there, or a mapped file could be cut.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "symbolizer/unwind/elf_file.h"
#include "symbolizer/unwind/rows_view.h"
#include "symbolizer/unwind/unwind_rows.h"

namespace sonde {

// What tells one build from all others: its build-id, owner and size; without one which file it is,
// how large and how old. Also a file's name: letters, digits and '-'.
std::string rows_identity(const ElfFile& file, const struct stat& status);

struct RowsWritten {
  UnwindCounts counts;
  uint64_t rules_refused = 0;  // more different ones than a file may have: nothing is known there
  bool cut = false;            // beyond what a rows file may hold
};

// Says a file's rows: those of its call frame information, or more.
using RowMaker = UnwindCounts (*)(const ElfFile&, const RowSink&);

class RowsFile {
 public:
  // Makes the file's rows and puts them at path. On failure nothing new is there.
  static Result<RowsWritten> write(const ElfFile& file, std::string_view identity,
                                   const std::string& path, RowMaker make_rows = make_unwind_rows);

  // Makes them in memory, for who may write no file: at most so many bytes.
  static Result<RowsFile> make(const ElfFile& file, std::string_view identity, size_t most,
                               RowMaker make_rows = make_unwind_rows);

  // The same of rows that are of no file.
  static Result<RowsFile> make(std::string_view identity, size_t most,
                               const std::function<UnwindCounts(const RowSink&)>& make_rows);

  // Fails if there is none, or it cannot be believed: then make it anew.
  static Result<RowsFile> open(const std::string& path, std::string_view identity);

  const RowsView& view() const { return view_; }
  size_t own_bytes() const { return own_.size(); }

 private:
  struct Unmap {
    size_t size;
    void operator()(void* memory) const;
  };
  RowsFile(std::unique_ptr<void, Unmap> memory, RowsView view)
      : memory_(std::move(memory)), view_(view) {}

  std::unique_ptr<void, Unmap> memory_;
  std::vector<uint8_t> own_;  // instead of memory_
  RowsView view_;
};

}  // namespace sonde
