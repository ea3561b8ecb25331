// SPDX-License-Identifier: Apache-2.0
// Unwinding rows of any file: as its call frame information says, but for Go's code, of which Go's
// own table tells how much stack it has taken at each instruction. x86-64.
#pragma once

#include "symbolizer/unwind/unwind_rows.h"

namespace sonde {

UnwindCounts make_file_rows(const ElfFile& file, const RowSink& sink);

}  // namespace sonde
