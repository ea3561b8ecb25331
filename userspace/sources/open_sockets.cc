// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/open_sockets.h"

#include "skel/open_sockets.skel.h"

namespace sonde {

Result<> note_open_sockets(MapPool& pool, const DoorKind& door, uint32_t ring_bytes) {
  size_t size = 0;
  const void* elf = open_sockets_bpf__elf_bytes(&size);
  auto object = BpfObject::open("open_sockets", elf, size);
  if (!object) {
    return std::unexpected(object.error());
  }
  if (door.unused != nullptr) {
    if (auto done = (*object)->leave_out_map(door.unused); !done) {
      return done;
    }
  }
  if (auto done = (*object)->set_entries("events", ring_bytes); !done) {
    return done;
  }
  if (auto done = (*object)->load(pool); !done) {
    return done;
  }
  if (auto done = (*object)->iterate("note_open", -1); !done) {
    return std::unexpected(done.error());
  }
  return {};
}

}  // namespace sonde
