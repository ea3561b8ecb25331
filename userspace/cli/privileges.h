// SPDX-License-Identifier: Apache-2.0
// What this process may do, by capabilities, and what to tell its user if that is too little.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sonde::cli {

struct Capability {
  std::string_view name;
  uint32_t number;  // in <linux/capability.h>
  bool required;    // nothing works without it; the others are missed
  std::string_view purpose;
};

std::span<const Capability> wanted_capabilities();

// The effective set in the text of /proc/self/status.
std::optional<uint64_t> effective_capabilities(std::string_view status);
// Of this process; nothing if /proc does not say.
std::optional<uint64_t> effective_capabilities();

// CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as it does in the kernel.
std::vector<Capability> missing_capabilities(uint64_t effective);

// Text for stderr if a required capability is missing from the set; else empty.
std::string privileges_text(std::string_view command, uint64_t effective);

// The same for this process. If /proc does not say what it has, nothing is said to be missing: the
// kernel will tell.
std::string missing_privileges(std::string_view command);

}  // namespace sonde::cli
