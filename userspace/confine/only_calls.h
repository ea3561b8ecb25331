// SPDX-License-Identifier: Apache-2.0
// The opposite of call_filter: for a process that reads bytes, writes bytes and ends.
#pragma once

#include <cstdint>
#include <span>

#include "userspace/base/result.h"

namespace sonde::confine {

// From now on files are not found by their names, and any other system call that is not one of
// these ends the process at once. For one without threads.
Result<> allow_only(std::span<const uint32_t> calls);

// What it takes to read and write files that are open, to have memory, and to end.
std::span<const uint32_t> calls_of_a_reader();

}  // namespace sonde::confine
