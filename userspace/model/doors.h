// SPDX-License-Identifier: Apache-2.0
// The doors by name: which ways into the kernel there are to choose from, best first. What each one
// is stands in userspace/sources/door.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sonde {

// kAuto: the best that loads and proves itself.
enum class DoorChoice : uint8_t { kAuto, kSocktpBtf, kSocktpRaw, kFexitBtf, kFexitHash, kSyscall };

inline constexpr std::array<std::string_view, 6> kDoorNames = {
    "auto", "socktp-btf", "socktp-raw", "fexit-btf", "fexit-hash", "syscall"};

constexpr std::string_view door_name(DoorChoice door) {
  return kDoorNames[static_cast<size_t>(door)];
}

}  // namespace sonde
