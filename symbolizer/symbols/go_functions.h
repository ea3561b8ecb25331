// SPDX-License-Identifier: Apache-2.0
// The functions of a Go program by where they stand in its file, from the table that it has for its
// own stack traces: also of a stripped one.
#pragma once

#include <vector>

#include "symbolizer/symbols/symbol_table.h"
#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"

namespace sonde {

// Fails if it is no Go program.
Result<std::vector<FunctionSymbol>> read_go_functions(ByteSource source);

}  // namespace sonde
