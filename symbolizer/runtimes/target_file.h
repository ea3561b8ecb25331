// SPDX-License-Identifier: Apache-2.0
// Files that a watched process leaves for us to read. `proc` is its directory in /proc, open: the
// kernel answers for that very process or not at all. Anybody may put a file where a process's own
// is expected (/tmp is everyone's): one that is not of the process's user is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde {

struct TargetProcess {
  uint32_t user = 0;     // effective
  uint32_t own_pid = 0;  // as it knows itself: the innermost of its namespaces
};

// From the text of /proc/PID/status.
std::optional<TargetProcess> parse_target_process(std::string_view status);
Result<TargetProcess> read_target_process(int proc);

// `path` below the process's root.
Result<Fd> open_target_file(int proc, const TargetProcess& process, std::string_view path);

}  // namespace sonde
