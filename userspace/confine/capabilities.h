// SPDX-License-Identifier: Apache-2.0
// The capabilities of the calling thread. A thread that it starts begins with the same ones; other
// threads that run already keep theirs.
#pragma once

#include <cstdint>
#include <functional>

#include "userspace/base/result.h"

namespace sonde::confine {

// One bit for each number in <linux/capability.h>.
using CapabilitySet = uint64_t;

constexpr CapabilitySet capability(uint32_t number) { return CapabilitySet{1} << number; }

// What it holds now, and may use.
Result<CapabilitySet> effective_capabilities();

// Gives up all others, for good, in every set that the kernel keeps: effective, permitted,
// inheritable, ambient. The bounding set too, if we may; without it they would come back only by
// executing a file.
Result<> keep_only(CapabilitySet keep);

// Whether `works` returns true while these capabilities are laid down. They are taken up again.
Result<bool> works_without(CapabilitySet laid_down, const std::function<bool()>& works);

}  // namespace sonde::confine
