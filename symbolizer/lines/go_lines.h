// SPDX-License-Identifier: Apache-2.0
// The LineTable of a Go program from the table that it has for its own stack traces: also of a
// stripped one. Inlined functions since Go 1.18.
#pragma once

#include "symbolizer/lines/line_table_writer.h"
#include "symbolizer/unwind/byte_source.h"
#include "userspace/base/result.h"

namespace sonde {

// `out`: an empty file. Fails if it is no Go program. As write_lines() otherwise, but by no
// library: it can be done anywhere.
Result<LinesWritten> write_go_lines(ByteSource program, int out);

}  // namespace sonde
