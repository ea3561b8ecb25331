// SPDX-License-Identifier: Apache-2.0
// The system calls that Sonde never makes once it watches, and is therefore refused. What is not in
// the table is allowed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sonde::confine {

// When a call is refused. Arguments are compared as the kernel takes them: 32 bits.
enum class When : uint8_t {
  kAlways,
  kEqual,     // the argument is the value
  kNotEqual,  // it is another
  kAnyBit,    // it has any of the value's bits
  kNoBit,     // it has none of them
  kNotSelf,   // it is not the number of this process
};

enum class Refusal : uint8_t {
  kNotPermitted,  // EPERM; the kernel's audit log tells of it
  kUnknown,       // ENOSYS: the C library then does it in an older way, which can be looked at
};

struct CallRule {
  uint32_t call;  // its number
  std::string_view name;
  When when = When::kAlways;
  uint8_t argument = 0;  // from 0
  uint32_t value = 0;
  Refusal refusal = Refusal::kNotPermitted;
};

std::span<const CallRule> call_rules();

// Calls with greater numbers than this are younger than the table: unknown.
extern const uint32_t kNewestCall;

}  // namespace sonde::confine
