// SPDX-License-Identifier: Apache-2.0
// Watching this host, until SIGINT or SIGTERM: what run and record do. Both give the exit code.
#pragma once

#include "userspace/config/config.h"

namespace sonde::cli {

// Serves the metrics.
int watch_host(const Config& config);
// Writes config.record.tape.
int record_host(const Config& config);

}  // namespace sonde::cli
