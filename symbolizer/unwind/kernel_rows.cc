// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/kernel_rows.h"

namespace sonde {

bool copy_page(const RowsView& rows, uint64_t page, RuleNumbers& rules,
               std::vector<sonde_row>& out) {
  const std::span<const sonde_row> found = rows.page(page);
  out.reserve(out.size() + found.size());
  for (const sonde_row& row : found) {
    out.push_back({.lo = row.lo, .rule = rules.number_of(rows.rules()[row.rule])});
  }
  return !found.empty();
}

}  // namespace sonde
