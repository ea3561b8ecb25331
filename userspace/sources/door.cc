// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/door.h"

#include <fmt/format.h>

#include <iterator>

#include "bpf/shared/limits.h"
#include "skel/sockets_bare.skel.h"
#include "skel/sockets_btf.skel.h"
#include "skel/sockets_fexit_btf.skel.h"
#include "skel/sockets_fexit_hash.skel.h"
#include "skel/sockets_raw.skel.h"
#include "skel/sockets_syscall.skel.h"
#include "userspace/kernel/kernel_types.h"
#include "userspace/kernel/maps.h"

namespace sonde {
namespace {

constexpr std::string_view kSocktpMisses =
    "payload of io_uring, sendfile and of several messages in one call (counted); bytes spliced "
    "from a socket and zero-copy receive (seen as a gap)";
constexpr std::string_view kSyscallMisses =
    "payload of sendfile, splice and 32-bit programs (counted); io_uring and zero-copy receive "
    "(seen as a gap)";
constexpr std::string_view kFexitMisses =
    "payload of sendfile, splice and registered io_uring buffers (counted); zero-copy receive "
    "(seen "
    "as a gap)";

// The order is decided in docs/decisions/0004-order-of-doors.md.
constexpr DoorKind kDoors[] = {
    {.choice = DoorChoice::kSocktpBtf,
     .name = door_name(DoorChoice::kSocktpBtf),
     .description = "typed tracepoints at socket calls, state in the sockets",
     .misses = kSocktpMisses,
     .tracepoint = "sock_send_length",
     .since = "6.3",
     .elf = sockets_btf_bpf__elf_bytes,
     .bare_elf = nullptr,
     .connections = "connections",
     .unused = nullptr},
    {.choice = DoorChoice::kSocktpRaw,
     .name = door_name(DoorChoice::kSocktpRaw),
     .description = "raw tracepoints at socket calls, state in a hash",
     .misses = kSocktpMisses,
     .tracepoint = "sock_send_length",
     .since = "6.3",
     .elf = sockets_raw_bpf__elf_bytes,
     .bare_elf = nullptr,
     .connections = "connections_by_address",
     .unused = "connections"},
    {.choice = DoorChoice::kFexitBtf,
     .name = door_name(DoorChoice::kFexitBtf),
     .description = "the return of the functions behind socket calls, state in the sockets",
     .misses = kFexitMisses,
     .tracepoint = "inet_sock_set_state",
     .since = "4.16",
     .elf = sockets_fexit_btf_bpf__elf_bytes,
     .bare_elf = nullptr,
     .connections = "connections",
     .unused = nullptr},
    {.choice = DoorChoice::kFexitHash,
     .name = door_name(DoorChoice::kFexitHash),
     .description = "the return of the functions behind socket calls, state in a hash",
     .misses = kFexitMisses,
     .tracepoint = "inet_sock_set_state",
     .since = "4.16",
     .elf = sockets_fexit_hash_bpf__elf_bytes,
     .bare_elf = nullptr,
     .connections = "connections_by_address",
     .unused = "connections"},
    {.choice = DoorChoice::kSyscall,
     .name = door_name(DoorChoice::kSyscall),
     .description = "the return of every system call, state in a hash",
     .misses = kSyscallMisses,
     .tracepoint = "sys_exit",
     .since = "2.6.32, with CONFIG_FTRACE_SYSCALLS",
     .elf = sockets_syscall_bpf__elf_bytes,
     .bare_elf = sockets_bare_bpf__elf_bytes,
     .connections = "connections_by_address",
     .unused = "connections"},
};
static_assert(std::size(kDoors) == kDoorNames.size() - 1, "every door but auto has a row");

}  // namespace

std::span<const DoorKind> door_kinds() { return kDoors; }

Result<std::unique_ptr<Door>> Door::open(const DoorKind& kind, MapPool& pool, uint32_t ring_bytes,
                                         uint32_t max_connections, bool tcp_health) {
  if (!has_tracepoint(std::string(kind.tracepoint))) {
    return fail(fmt::format("this kernel has no tracepoint {}; Linux {} brought it",
                            kind.tracepoint, kind.since));
  }
  const auto image = kernel_types().own ? kind.elf : kind.bare_elf;
  if (image == nullptr) {
    return fail(std::string(kNeedsOwnTypes));
  }
  size_t size = 0;
  const void* elf = image(&size);
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
    if (kind.unused != nullptr) {
      (void)bpf.leave_out_map(kind.unused);
    }
    const uint32_t most = kind.unused != nullptr ? max_connections : SONDE_MAX_UNIX;
    (void)bpf.set_entries("connections_by_address", most);
    if (!tcp_health) {
      (void)bpf.set_entries("tcp_peers", 1);
    }
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

}  // namespace sonde
