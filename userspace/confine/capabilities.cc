// SPDX-License-Identifier: Apache-2.0
#include "userspace/confine/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace sonde::confine {
namespace {

constexpr uint32_t kMostCapabilities = 64;

struct Sets {
  CapabilitySet effective = 0;
  CapabilitySet permitted = 0;
  CapabilitySet inheritable = 0;
};

// The kernel takes them as two halves of 32 bits.
using Halves = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

__user_cap_header_struct header() { return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0}; }

CapabilitySet joined(uint32_t low, uint32_t high) { return CapabilitySet{high} << 32 | low; }

Result<Sets> read_sets() {
  auto head = header();
  Halves halves{};
  if (::syscall(SYS_capget, &head, halves.data()) != 0) {
    return fail_errno("read the capabilities", errno);
  }
  return Sets{.effective = joined(halves[0].effective, halves[1].effective),
              .permitted = joined(halves[0].permitted, halves[1].permitted),
              .inheritable = joined(halves[0].inheritable, halves[1].inheritable)};
}

Result<> write_sets(const Sets& sets) {
  auto head = header();
  Halves halves{};
  for (size_t i = 0; i < halves.size(); i++) {
    halves[i] = {.effective = static_cast<uint32_t>(sets.effective >> (32 * i)),
                 .permitted = static_cast<uint32_t>(sets.permitted >> (32 * i)),
                 .inheritable = static_cast<uint32_t>(sets.inheritable >> (32 * i))};
  }
  if (::syscall(SYS_capset, &head, halves.data()) != 0) {
    return fail_errno("set the capabilities", errno);
  }
  return {};
}

}  // namespace

Result<CapabilitySet> effective_capabilities() {
  const auto sets = read_sets();
  if (!sets) {
    return std::unexpected(sets.error());
  }
  return sets->effective;
}

Result<> keep_only(CapabilitySet keep) {
  for (uint32_t number = 0; number < kMostCapabilities; number++) {
    if ((keep & capability(number)) == 0) {
      ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);  // refused: see the header
    }
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const auto now = read_sets();
  if (!now) {
    return std::unexpected(now.error());
  }
  return write_sets(
      {.effective = now->effective & keep, .permitted = now->permitted & keep, .inheritable = 0});
}

Result<bool> works_without(CapabilitySet laid_down, const std::function<bool()>& works) {
  const auto before = read_sets();
  if (!before) {
    return std::unexpected(before.error());
  }
  Sets fewer = *before;
  fewer.effective &= ~laid_down;
  if (auto laid = write_sets(fewer); !laid) {
    return std::unexpected(laid.error());
  }
  const bool worked = works();
  if (auto taken_up = write_sets(*before); !taken_up) {
    return std::unexpected(taken_up.error());
  }
  return worked;
}

}  // namespace sonde::confine
