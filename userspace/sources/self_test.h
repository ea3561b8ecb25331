// SPDX-License-Identifier: Apache-2.0
// The self-test: a door is trusted only after it told a loopback exchange of our own exactly - each
// call's bytes, each trap's silence, the positions, both ends' join. During it nothing else is
// watched.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/maps.h"

namespace sonde {

struct SelfTestReport {
  uint32_t self = 0;     // our process id as the kernel side sees it
  size_t checks = 0;     // facts that were compared, all as they should be
  uint64_t records = 0;  // that it took from the ring
  // The same exchange over AF_UNIX: a door serves without it.
  size_t unix_checks = 0;
  std::string unix_why_not;  // empty: proven
};

// Fails with the first fact about TCP that is not as it should be. The pool's ring must have no
// other reader. missed: runs of the door's programs that the kernel has skipped (docs/limits.md);
// if it moved during a test that failed, the door is tested again.
Result<SelfTestReport> prove_door(const MapPool& pool, ControlPage& control,
                                  const std::function<uint64_t()>& missed);

}  // namespace sonde
