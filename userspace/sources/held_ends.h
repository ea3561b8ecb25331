// SPDX-License-Identifier: Apache-2.0
// HeldEnds: ends of connections that waited outside the ring, until all that came before them was
// read from it. A record that some CPU has not finished yet holds up the reading; an end that is
// told before it would leave a connection that nothing ends any more.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "bpf/shared/records.h"

namespace sonde {

class HeldEnds {
 public:
  bool empty() const { return ends_.empty(); }

  // REQUIRES: empty(). written: where the ring was written to, read after they were taken.
  void hold(std::vector<sonde_close_record> ends, uint64_t written) {
    ends_ = std::move(ends);
    behind_ = written;
  }

  // Those that are due once the ring was read up to here: all or none. They are held no more.
  std::vector<sonde_close_record> due(uint64_t read) {
    return read < behind_ ? std::vector<sonde_close_record>() : std::exchange(ends_, {});
  }

 private:
  std::vector<sonde_close_record> ends_;
  uint64_t behind_ = 0;
};

}  // namespace sonde
