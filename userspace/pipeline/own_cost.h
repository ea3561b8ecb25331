// SPDX-License-Identifier: Apache-2.0
// What this process costs, as the kernel counts it.
#pragma once

#include <cstdint>

namespace sonde {

// CPU time of all its threads so far, in the kernel too.
uint64_t own_cpu_ns();

// Memory that is its own or mapped and present; 0: not known.
uint64_t own_memory_bytes();

}  // namespace sonde
