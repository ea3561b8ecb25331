// SPDX-License-Identifier: Apache-2.0
// What the kernel side is to be given of a file: single pages, as they are needed. Rules are
// numbered over all files of the host, so that a page's rows are copied with other numbers. Not
// there in builds without SONDE_CFI_UNWIND: what would give the kernel tables does not link.
#pragma once

#include <vector>

#include "symbolizer/unwind/rows_view.h"

namespace sonde {

// Appends a page's rows to out, with numbers of `rules`. New rules are at the end of rules.rules():
// they must be in the kernel's map before the page is. False: the page has no rows.
bool copy_page(const RowsView& rows, uint64_t page, RuleNumbers& rules,
               std::vector<sonde_row>& out);

}  // namespace sonde
