// SPDX-License-Identifier: Apache-2.0
// Ids are distinct types, so that one cannot be passed for another.
#pragma once

#include <cstdint>
#include <functional>

namespace sonde {

enum class ConnectionId : uint64_t {};
enum class Pid : uint32_t {};

// Who an end of a connection is. The numbers are those of bpf/shared/records.h.
enum class Role : uint8_t { kUnknown = 0, kClient = 1, kServer = 2 };

// Direction as the owner of the socket sees it. The numbers are those of bpf/shared/records.h.
enum class Direction : uint8_t { kIn = 0, kOut = 1 };

constexpr Direction opposite(Direction d) {
  return d == Direction::kIn ? Direction::kOut : Direction::kIn;
}

}  // namespace sonde
