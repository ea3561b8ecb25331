// SPDX-License-Identifier: Apache-2.0
// Checks of what Sonde does for its user, each found out by trying it and never by a version: for
// doctor.
#pragma once

#include <string_view>

#include "userspace/cli/checklist.h"
#include "userspace/inventory/proc_root.h"
#include "userspace/sources/kernel_side.h"

namespace sonde::cli {

// Does the kernel side tell of a process that begins and ends within a moment? Starts the kernel
// side's reader, and a child of ours that does nothing.
Check new_processes_check(KernelSide& kernel);

// Of how many processes can be read whose program they run?
Check names_check(const ProcRoot& proc);

// Of how many processes can be read what their environment says of their names?
Check declared_names_check(const ProcRoot& proc);

// Does the kernel side count us under the number that /proc shows? It does not in a container with
// processes of its own. known_as: what the kernel side calls us.
Check process_ids_check(uint32_t known_as, uint32_t own);

// Can the metrics be served there?
Check metrics_check(std::string_view listen);

// Does another Sonde run?
Check company_check(const ProcRoot& proc, uint32_t own);

}  // namespace sonde::cli
