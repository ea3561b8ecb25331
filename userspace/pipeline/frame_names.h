// SPDX-License-Identifier: Apache-2.0
// FrameNames: what people call the code at a place. Asked once for each place, when a profile is
// made.
#pragma once

#include <string>
#include <string_view>

#include "userspace/pipeline/sampled_processes.h"

namespace sonde {

class FrameNames {
 public:
  virtual ~FrameNames() = default;
  // Empty: it has no name.
  virtual std::string name(const Module& module, uint64_t offset) = 0;
};

// What there is without any symbols: "libfoo.so+0x1234". Never empty.
std::string place_name(const Module& module, uint64_t offset);

// Nothing has a name.
class NoNames : public FrameNames {
 public:
  std::string name(const Module& /*module*/, uint64_t /*offset*/) override { return {}; }
};

}  // namespace sonde
