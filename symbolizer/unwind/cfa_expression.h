// SPDX-License-Identifier: Apache-2.0
// DWARF expressions that occur as rules, recognised by their shape: nothing is evaluated, so
// nothing can run away. What compilers and linkers write is of three shapes; anything else is
// kUnknown.
#pragma once

#include <span>

#include "symbolizer/unwind/cfi_state.h"

namespace sonde {

// reg + o; *(reg + o) + k; the stub of a procedure linkage table.
CfiCfa recognise_cfa(std::span<const uint8_t> expression);

// Saved at reg + o.
CfiPlace recognise_place(std::span<const uint8_t> expression);

}  // namespace sonde
