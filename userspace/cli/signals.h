// SPDX-License-Identifier: Apache-2.0
// Signals: how a person or a service manager ends us. Block them before any thread starts, then
// wait in main.
#pragma once

namespace sonde::cli {

// Blocks SIGINT and SIGTERM for this and all later threads; a broken pipe is an error, not a death.
void block_signals();

// Waits for one of them; returns its number.
int wait_for_signal();

}  // namespace sonde::cli
