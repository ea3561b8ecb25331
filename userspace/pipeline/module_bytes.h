// SPDX-License-Identifier: Apache-2.0
// The bytes of a module's file, or of what the kernel maps in its place.
#pragma once

#include <optional>

#include "symbolizer/unwind/byte_source.h"
#include "userspace/pipeline/module_table.h"

namespace sonde {

// Nothing: there is no file, or it could not be opened. The module must live as long.
std::optional<ByteSource> bytes_of(const Module& module);

}  // namespace sonde
