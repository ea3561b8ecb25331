// SPDX-License-Identifier: Apache-2.0
// `sonde profile --every`: one profile after the other into a folder, until a signal ends it.
#pragma once

#include "userspace/config/config.h"

namespace sonde::cli {

// The exit code.
int profile_series(const Config& config);

}  // namespace sonde::cli
