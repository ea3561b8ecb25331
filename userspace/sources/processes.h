// SPDX-License-Identifier: Apache-2.0
// ProcessHooks: fork, exec and exit told by the kernel side.
#pragma once

#include <memory>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

// Loads and attaches the process hooks; they tell from now on.
Result<std::unique_ptr<BpfObject>> open_process_hooks(MapPool& pool, uint32_t ring_bytes);

}  // namespace sonde
