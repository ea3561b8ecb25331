// SPDX-License-Identifier: Apache-2.0
// The build-id of an ELF file: what its linker drew for this very build. Read through a descriptor,
// by a few bounded reads; whatever the file holds.
#pragma once

#include <string>

namespace sonde {

// In hex; empty: it has none, or it is no 64-bit ELF file of this machine's byte order.
std::string read_build_id(int file);

}  // namespace sonde
