// SPDX-License-Identifier: Apache-2.0
// RecordFilter: sees each record before it is written to a tape, and may overwrite bytes of it in
// place. The seam by which knowledge of protocols reaches the tape without the kernel room knowing
// any.
#pragma once

#include <cstdint>
#include <span>

namespace sonde {

class RecordFilter {
 public:
  virtual ~RecordFilter() = default;
  // False: do not write this record. Called by the writer's thread.
  virtual bool keep(std::span<uint8_t> record) = 0;
};

}  // namespace sonde
