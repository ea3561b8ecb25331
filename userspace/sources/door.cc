// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/door.h"

#include "skel/sockets_btf.skel.h"
#include "skel/sockets_raw.skel.h"
#include "userspace/kernel/maps.h"

namespace sonde {
namespace {

constexpr std::string_view kSocktpMisses =
    "payload of io_uring, sendfile and of several messages in one call (counted); bytes spliced "
    "from a socket and "
    "zero-copy receive (seen as a gap)";

constexpr DoorKind kDoors[] = {
    {"socktp-btf", "typed tracepoints at socket calls, state in the sockets", kSocktpMisses,
     sockets_btf_bpf__elf_bytes, "connections", "connections_by_address"},
    {"socktp-raw", "raw tracepoints at socket calls, state in a hash", kSocktpMisses,
     sockets_raw_bpf__elf_bytes, "connections_by_address", "connections"},
};

}  // namespace

std::span<const DoorKind> door_kinds() { return kDoors; }

Result<std::unique_ptr<Door>> Door::open(const DoorKind& kind, MapPool& pool, uint32_t ring_bytes,
                                         uint32_t max_connections) {
  size_t size = 0;
  const void* elf = kind.elf(&size);
  auto object = BpfObject::open(std::string(kind.name), elf, size);
  if (!object) {
    return std::unexpected(object.error());
  }
  BpfObject& bpf = **object;
  auto prepare = [&]() -> Result<> {
    if (auto done = bpf.set_entries("events", ring_bytes); !done) {
      return done;
    }
    // Not every object knows every map: leaving out what is not there is fine.
    (void)bpf.leave_out_map(kind.unused);
    (void)bpf.set_entries("connections_by_address", max_connections);
    if (auto done = bpf.load(pool); !done) {
      return done;
    }
    // Before the first program runs: on a busy host others would be told into the self-test.
    auto control = ControlPage::map(pool);
    if (!control) {
      return std::unexpected(control.error());
    }
    control->set_only_port(SONDE_NO_PORT);
    return bpf.attach();
  };
  if (auto done = prepare(); !done) {
    return std::unexpected(done.error());
  }
  return std::unique_ptr<Door>(new Door(kind, std::move(*object)));
}

Result<std::vector<uint8_t>> Door::sweep() {
  return object_->iterate("sweep", object_->map_fd(kind_.connections));
}

}  // namespace sonde
