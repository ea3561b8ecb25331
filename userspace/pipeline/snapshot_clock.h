// SPDX-License-Identifier: Apache-2.0
// Kernel time as wall time, for points that say when they began.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sonde {

// Wall clock less kernel clock. 0: not known.
struct SnapshotClock {
  uint64_t wall_offset_ns = 0;

  // A reading of both. Small differences are left alone: a start time that wanders with each
  // reading would look like a restart. A clock that was set is followed: else what begins now would
  // be told to begin at another time than it is read.
  void follow(uint64_t now_wall_ns, uint64_t now_kernel_ns) {
    constexpr uint64_t kSet = 2'000'000'000;
    const uint64_t offset = now_wall_ns - now_kernel_ns;
    const uint64_t ahead = offset - wall_offset_ns;
    const uint64_t behind = wall_offset_ns - offset;
    if (wall_offset_ns == 0 || std::min(ahead, behind) > kSet) {
      wall_offset_ns = offset;
    }
  }

  uint64_t wall_ns(uint64_t kernel_ns) const {
    return wall_offset_ns == 0 ? 0 : wall_offset_ns + kernel_ns;
  }
};

}  // namespace sonde
