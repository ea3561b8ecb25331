// SPDX-License-Identifier: Apache-2.0
// The self-test: a door is trusted only after it told a loopback exchange of our own exactly - each
// call's bytes, each trap's silence, the positions, both ends' join. During it nothing else is
// watched.
#pragma once

#include <cstdint>
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
};

// Fails with the first fact that is not as it should be. The pool's ring must have no other reader.
Result<SelfTestReport> prove_door(const MapPool& pool, ControlPage& control);

}  // namespace sonde
