// SPDX-License-Identifier: Apache-2.0
// The kernel's lockdown: what root may not do either.
#pragma once

#include <cstdint>
#include <string>

namespace sonde {

enum class Lockdown : uint8_t {
  kUnknown,  // the kernel has none, or its securityfs is not mounted here
  kNone,
  kIntegrity,        // nothing may change the kernel: Sonde only reads
  kConfidentiality,  // nothing may read the kernel's memory either: Sonde cannot work
};

Lockdown lockdown(const std::string& file = "/sys/kernel/security/lockdown");

}  // namespace sonde
