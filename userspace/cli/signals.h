// SPDX-License-Identifier: Apache-2.0
// Signals: how a person or a service manager ends us. Block them before any thread starts, then
// wait in main.
#pragma once

#include <cstdint>

namespace sonde::cli {

// Blocks the signals that end or reload us, in this thread and those it starts; a closed pipe is an
// error of the write and no signal.
void block_signals();

// Waits for one of them: SIGINT, SIGTERM, or SIGHUP.
int wait_for_signal();

// The same, but for at most so long: 0 if none came.
int wait_for_signal(uint64_t ns);

// Has it return SIGTERM: we cannot go on. Any thread.
void end_waiting();

}  // namespace sonde::cli
