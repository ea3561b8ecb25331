// SPDX-License-Identifier: Apache-2.0
// RowsView: the bytes of a rows file, looked up. All of it is checked once, when it is opened:
// afterwards every index is good. Bytes are borrowed and must not change.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "symbolizer/unwind/rows_format.h"
#include "userspace/base/result.h"

namespace sonde {

class RowsView {
 public:
  RowsView() = default;

  // identity: of the file whose rows these are to be.
  static Result<RowsView> open(std::span<const uint8_t> bytes, std::string_view identity);

  // The rows of a page; none: it has no code that is described.
  std::span<const sonde_row> page(uint64_t number) const;

  // The rule in force at an address of the file; SONDE_CFA_INVALID if none is.
  sonde_rule rule_at(uint64_t address) const;

  std::span<const RowPage> pages() const { return pages_; }
  std::span<const sonde_rule> rules() const { return rules_; }
  size_t rows() const { return rows_.size(); }

 private:
  bool sound() const;

  std::span<const sonde_row> rows_;
  std::span<const RowPage> pages_;
  std::span<const sonde_rule> rules_;
};

}  // namespace sonde
