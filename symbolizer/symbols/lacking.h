// SPDX-License-Identifier: Apache-2.0
// What a file does not say of its own code, so that a separate one is worth being looked for.
#pragma once

#include "symbolizer/unwind/byte_source.h"

namespace sonde {

// No names but those it shows to others: neither symbols, nor packed ones, nor Go's table.
bool lacks_names(ByteSource file);

// Neither DWARF nor Go's table.
bool lacks_lines(ByteSource file);

}  // namespace sonde
