// SPDX-License-Identifier: Apache-2.0
// LineTable: which function, inlined ones too, which file and which line stand at an address of one
// file. Bytes that lie in a file of ours and are used as they are. Such a file is an input like any
// other: it is checked once, when it is opened. Addresses are the file's own, as its segments say
// them, before any bias.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "symbolizer/lines/line_table_format.h"
#include "userspace/base/result.h"

namespace sonde {

struct LineFrame {
  std::string_view function;  // demangled; empty: not known
  std::string_view file;      // empty: not known
  uint32_t line = 0;          // 0: not known
};

class LineTable {
 public:
  static constexpr size_t kMaxFrames = 256;  // at one address; further callers are left out

  // `bytes` are borrowed. Fails unless they are a table, whole and unchanged.
  static Result<LineTable> over(std::string_view bytes);

  // Puts the frames at `address` into `out`, innermost first: of the last the function is there, of
  // the others it is inlined. Nothing: none is known. What the names point into are the bytes.
  void find(uint64_t address, std::vector<LineFrame>& out) const;

  size_t rows() const { return rows_; }
  size_t nodes() const { return nodes_.size() / sizeof(line_format::Node); }

 private:
  Result<> check() const;
  std::string_view name(uint32_t at) const;
  uint32_t row_at(uint64_t address) const;

  uint64_t base_ = 0;
  uint32_t rows_ = 0;
  std::string_view nodes_;
  std::string_view starts_;     // u32 each, rising
  std::string_view row_nodes_;  // u32 each
  std::string_view row_places_;
  std::string_view places_;
  std::string_view names_;  // a zero byte behind each
};

}  // namespace sonde
