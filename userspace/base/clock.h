// SPDX-License-Identifier: Apache-2.0
// The two clocks: monotonic (the kernel's bpf_ktime_get_ns, in records) and wall (what exporters
// print).
#pragma once

#include <cstdint>
#include <ctime>

namespace sonde {

inline uint64_t clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000ull + static_cast<uint64_t>(now.tv_nsec);
}

inline uint64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }
inline uint64_t wall_ns() { return clock_ns(CLOCK_REALTIME); }

}  // namespace sonde
