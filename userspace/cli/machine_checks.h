// SPDX-License-Identifier: Apache-2.0
// Checks of what the kernel offers before any door is tried: for doctor.
#pragma once

#include <string>

#include "userspace/cli/checklist.h"
#include "userspace/kernel/lockdown.h"

namespace sonde::cli {

// Where the kernel's types come from. file: as given by --kernel-types.
Check types_check(const std::string& file);

Check lockdown_check(Lockdown mode);

}  // namespace sonde::cli
