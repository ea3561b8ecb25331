// SPDX-License-Identifier: Apache-2.0
// Watching this host, until SIGINT or SIGTERM: what run and record do. Both give the exit code.
// SIGHUP makes them read the configuration again.
#pragma once

#include "userspace/cli/command.h"

namespace sonde::cli {

// Serves the metrics.
int watch_host(const Config& config, const ConfigReader& read_again);
// Writes config.record.tape.
int record_host(const Config& config, const ConfigReader& read_again);

}  // namespace sonde::cli
