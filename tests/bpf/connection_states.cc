// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/connection_states.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "bpf/shared/records.h"
#include "userspace/base/fd.h"

namespace sonde {
namespace {

constexpr int kDescriptors = 1024;  // of a test, or its scenario: more than they have
using Value = std::vector<uint8_t>;

// Where a member lies, in bytes; unions without a name are looked into.
std::optional<size_t> offset_of(const btf* types, uint32_t type, std::string_view member) {
  const btf_type* of = btf__type_by_id(types, type);
  for (uint32_t i = 0; i < btf_vlen(of); ++i) {
    const btf_member& each = btf_members(of)[i];
    const size_t at = btf_member_bit_offset(of, i) / 8;
    const std::string_view name = btf__name_by_offset(types, each.name_off);
    if (name == member) {
      return at;
    }
    if (name.empty()) {
      if (const auto inner = offset_of(types, each.type, member)) {
        return at + *inner;
      }
    }
  }
  return std::nullopt;
}

// Where it lies of the connection's state.
struct Places {
  size_t local_port = 0;
  size_t role = 0;
  size_t opening = 0;
  size_t base = 0;
};

std::optional<Places> places_in(const bpf_map_info& map) {
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_from_kernel_by_id(map.btf_id),
                                                         &btf__free);
  const auto of = [&](std::string_view member) {
    return types ? offset_of(types.get(), map.btf_value_type_id, member) : std::nullopt;
  };
  const auto port = of("local_port");
  const auto role = of("role");
  const auto opening = of("opening");
  const auto base = of("base");
  if (!port || !role || !opening || !base) {
    return std::nullopt;
  }
  return Places{*port, *role, *opening, *base};
}

bool change(Value& state, const Places& places, uint16_t local_port) {
  if (std::memcmp(&state[places.local_port], &local_port, sizeof(local_port)) != 0 ||
      state[places.role] != SONDE_ROLE_CLIENT) {
    return false;
  }
  state[places.opening] = 1;
  std::memset(&state[places.base], 0, 2 * sizeof(uint32_t));
  std::memset(&state[places.local_port], 0, sizeof(local_port));
  return true;
}

// In the sockets: the key is a descriptor of ours.
int change_in_sockets(int map, Value& state, const Places& places, pid_t of, uint16_t local_port) {
  int changed = 0;
  const Fd process(static_cast<int>(syscall(SYS_pidfd_open, of, 0)));
  for (int theirs = 0; theirs < kDescriptors; ++theirs) {
    const Fd ours(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), theirs, 0)));
    const int key = ours.get();
    if (ours.ok() && bpf_map_lookup_elem(map, &key, state.data()) == 0 &&
        change(state, places, local_port)) {
      changed += bpf_map_update_elem(map, &key, state.data(), BPF_EXIST) == 0 ? 1 : 0;
    }
  }
  return changed;
}

int change_by_address(int map, Value& state, const Places& places, uint16_t local_port) {
  int changed = 0;
  uint64_t key = 0;
  for (int more = bpf_map_get_next_key(map, nullptr, &key); more == 0;
       more = bpf_map_get_next_key(map, &key, &key)) {
    if (bpf_map_lookup_elem(map, &key, state.data()) == 0 && change(state, places, local_port)) {
      changed += bpf_map_update_elem(map, &key, state.data(), BPF_EXIST) == 0 ? 1 : 0;
    }
  }
  return changed;
}

}  // namespace

int forget_establishment(pid_t of, uint16_t local_port) {
  int changed = 0;
  for (int fd = 0; fd < kDescriptors; ++fd) {
    bpf_map_info map{};
    uint32_t size = sizeof(map);
    if (bpf_map_get_info_by_fd(fd, &map, &size) != 0 ||
        !std::string_view(map.name).starts_with("connections")) {
      continue;
    }
    const auto places = places_in(map);
    if (!places) {
      continue;
    }
    Value state(map.value_size);
    changed += map.type == BPF_MAP_TYPE_SK_STORAGE
                   ? change_in_sockets(fd, state, *places, of, local_port)
                   : change_by_address(fd, state, *places, local_port);
  }
  return changed;
}

}  // namespace sonde
