// SPDX-License-Identifier: Apache-2.0
// Sweeps: what no event tells is found by walking the connections - turns that fell silent, ends of
// AF_UNIX connections, the health of TCP connections that live. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/ring.h"
#include "userspace/sources/door.h"
#include "userspace/sources/sweep_walk.h"

namespace sonde {

class Sweeps {
 public:
  // Beside a door that is attached already. What this kernel refuses goes into missing, as a
  // sentence: then some things are told late, nothing is told wrong.
  static std::unique_ptr<Sweeps> open(MapPool& pool, const DoorKind& door, uint32_t ring_bytes,
                                      bool tcp_health, std::vector<std::string>& missing);

  // Tells the turns that fell silent, to the reader or into the ring.
  Result<> tell_silent(RecordReader& reader);
  // Tells the ends of AF_UNIX connections into the ring, behind the last bytes they moved, and what
  // fell silent of them.
  Result<> tell_unix(RecordReader& reader);
  // Has the kernel side look at the TCP connections that live: otherwise their health is told when
  // they end.
  Result<> look_at_health();

  std::vector<ProgramFacts> programs() const;

 private:
  // Of the door's connections; those of AF_UNIX, if they are kept elsewhere. Null: there is none.
  std::unique_ptr<SweepWalk> walk_;
  std::unique_ptr<SweepWalk> unix_walk_;
};

}  // namespace sonde
