// SPDX-License-Identifier: Apache-2.0
// Policy: how many bytes of each turn user space wants of a connection. The numbers are those of
// bpf/shared/policy.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sonde {

enum class PolicyMode : uint8_t { kProbe = 0, kHead = 1, kFull = 2, kCount = 3, kOff = 4 };

struct Policy {
  PolicyMode mode = PolicyMode::kProbe;
  std::array<uint32_t, 2> head{};  // kHead: bytes of each turn, by Direction
  uint32_t burst = 0;  // kHead: a turn longer than this makes the next one ship whole; 0: never
  bool operator==(const Policy&) const = default;
};

// What Sonde gives up of its own accord when it costs too much, whatever the policies say; each
// step the one before, too. Numbered as in bpf/shared/policy.h.
enum class Restraint : uint8_t {
  kNone = 0,
  kHeads = 1,  // nothing ships whole: what is framed within bodies, or sent in a row, is not seen
  kCount = 2,  // nothing is read: turns are counted
};
inline constexpr size_t kRestraints = 3;

}  // namespace sonde
