// SPDX-License-Identifier: Apache-2.0
// What the doors and the kernel side say of themselves, as lines of a checklist: for the start
// screen and for doctor.
#pragma once

#include <span>

#include "userspace/cli/checklist.h"
#include "userspace/sources/kernel_side.h"

namespace sonde::cli {

// Kernel release and machine.
Check kernel_check();
// One line for a door that was tried. wanted: a failure is worth mending.
Check door_check(const DoorAttempt& attempt, bool wanted);

}  // namespace sonde::cli
