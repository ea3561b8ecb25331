// SPDX-License-Identifier: Apache-2.0
// The check of the health of TCP, for doctor.
#pragma once

#include "userspace/cli/checklist.h"
#include "userspace/sources/kernel_side.h"

namespace sonde::cli {

// Is a connect that is refused told of? A child of ours tries one over the loopback. The kernel
// side must have been started.
Check tcp_health_check(KernelSide& kernel);

}  // namespace sonde::cli
