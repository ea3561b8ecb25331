// SPDX-License-Identifier: Apache-2.0
// Checks of profiles, each found out by trying it: for doctor.
#pragma once

#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/cli/checklist.h"
#include "userspace/config/config.h"

namespace sonde::cli {

// Can the sampler be opened, and does it see where we are ourselves? If it can, too: is it told
// what processes map, and are the kernel's functions named? Takes half a second of CPU time at
// most.
std::vector<Check> profile_checks(const ProfileConfig& config);

// Why the sampler could not be opened, as a line. paranoid: kernel.perf_event_paranoid; below -1:
// not known. capabilities: those that are held.
Check no_sampler_check(const Error& error, int paranoid, uint64_t capabilities);

// Whether the kernel shows where its functions are. restricted: kernel.kptr_restrict; below 0: not
// known.
Check kernel_names_check(const std::string& why_not, int restricted);

}  // namespace sonde::cli
