// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/processes.h"

#include "skel/processes.skel.h"
#include "skel/processes_bare.skel.h"
#include "userspace/kernel/kernel_types.h"

namespace sonde {

Result<std::unique_ptr<BpfObject>> open_process_hooks(MapPool& pool, uint32_t ring_bytes) {
  size_t size = 0;
  const void* elf =
      kernel_types().own ? processes_bpf__elf_bytes(&size) : processes_bare_bpf__elf_bytes(&size);
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

}  // namespace sonde
