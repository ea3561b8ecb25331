// SPDX-License-Identifier: Apache-2.0
// IdleClock: a coarse clock by which things that nobody used for some time leave. Whoever uses a
// thing writes now() on it, which costs a store.
#pragma once

#include <cstdint>

namespace sonde {

class IdleClock {
 public:
  // Idle is what was not used for idle_ns, up to a quarter more. 0: never.
  explicit IdleClock(uint64_t idle_ns) : tick_ns_(idle_ns / kTicks) {}

  // To be asked now and then, with the time. True: it moved, look for what is idle. It moves one
  // tick at a time: if nobody asked for long, nothing that was in use meanwhile may seem idle.
  bool advance(uint64_t now_ns) {
    if (tick_ns_ == 0 || now_ns < next_ns_) {
      return false;
    }
    const bool first = next_ns_ == 0;
    next_ns_ = now_ns + tick_ns_;
    now_ += first ? 0 : 1;
    return !first;
  }

  uint32_t now() const { return now_; }
  bool idle(uint32_t used) const { return now_ - used > kTicks; }

 private:
  static constexpr uint32_t kTicks = 4;

  uint64_t tick_ns_;
  uint64_t next_ns_ = 0;
  uint32_t now_ = 0;
};

}  // namespace sonde
