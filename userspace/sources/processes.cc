// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/processes.h"

#include "skel/listeners.skel.h"
#include "skel/processes.skel.h"

namespace sonde {

Result<std::unique_ptr<BpfObject>> open_process_hooks(MapPool& pool, uint32_t ring_bytes) {
  size_t size = 0;
  const void* elf = processes_bpf__elf_bytes(&size);
  auto object = BpfObject::open("processes", elf, size);
  if (!object) {
    return object;
  }
  auto prepare = [&]() -> Result<> {
    if (auto done = (*object)->set_entries("events", ring_bytes); !done) {
      return done;
    }
    if (auto done = (*object)->load(pool); !done) {
      return done;
    }
    return (*object)->attach();
  };
  if (auto done = prepare(); !done) {
    return std::unexpected(done.error());
  }
  return object;
}

Result<> note_listeners(MapPool& pool) {
  size_t size = 0;
  const void* elf = listeners_bpf__elf_bytes(&size);
  auto object = BpfObject::open("listeners", elf, size);
  if (!object) {
    return std::unexpected(object.error());
  }
  if (auto done = (*object)->load(pool); !done) {
    return done;
  }
  if (auto done = (*object)->iterate("note_listener", -1); !done) {
    return std::unexpected(done.error());
  }
  return {};
}

}  // namespace sonde
