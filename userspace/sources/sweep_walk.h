// SPDX-License-Identifier: Apache-2.0
// SweepWalk: one way to walk all connections of a map, with the programs that look at each. Which
// way depends on where the connections are kept and on what this kernel allows (sweep_walk.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/ring.h"
#include "userspace/sources/door.h"

namespace sonde {

class SweepWalk {
 public:
  // The best way through this map that the kernel allows, for these programs of it.
  static Result<std::unique_ptr<SweepWalk>> open(MapPool& pool, const DoorKind& door,
                                                 std::string_view map,
                                                 std::span<const std::string_view> programs,
                                                 uint32_t ring_bytes);

  // What it finds is told to the reader, or into the ring.
  Result<> run(std::string_view program, RecordReader& reader);

  std::vector<ProgramFacts> programs() const { return object_->programs(); }

 private:
  struct Way;

  SweepWalk(const Way& way, std::unique_ptr<BpfObject> object)
      : way_(way), object_(std::move(object)) {}

  static const Way kWays[];

  const Way& way_;
  std::unique_ptr<BpfObject> object_;
};

}  // namespace sonde
