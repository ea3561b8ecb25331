// SPDX-License-Identifier: Apache-2.0
// A process for one piece of work on a hostile file: whatever happens to it, it happens to that
// process alone.
#pragma once

#include <cstdint>
#include <functional>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::extraction {

struct WorkerLimits {
  uint32_t cpu_seconds = 30;
  uint32_t seconds = 60;
  uint64_t memory = uint64_t{1} << 30;  // of addresses; not where a sanitizer takes all of them
  uint64_t file = uint64_t{512} << 20;  // of what it writes
};

// Has `work` done by a child and gives what that gives: a file, or none, or why not. For a process
// without threads.
Result<Fd> in_worker(const WorkerLimits& limits, const std::function<Result<Fd>()>& work);

// For a worker that has opened all that it needs: from now on it reads and writes that, and ends.
// What this kernel cannot hold it to is left out.
void give_up_everything();

}  // namespace sonde::extraction
