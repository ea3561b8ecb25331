// SPDX-License-Identifier: Apache-2.0
// What this process may do, by capabilities, and what to tell its user if that is too little.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"

namespace sonde::cli {

struct Capability {
  std::string_view name;
  uint32_t number;  // in <linux/capability.h>
  bool required;    // nothing works without it; the others are missed
  bool to_load;     // of use only for loading the kernel side: not missed once that is done
  std::string_view purpose;
};

std::span<const Capability> wanted_capabilities();

// CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as it does in the kernel.
std::vector<Capability> missing_capabilities(uint64_t effective);

// Text for stderr if a required capability is missing from the set; else empty.
std::string privileges_text(std::string_view command, uint64_t effective);

// What may be the reason if the kernel side does not load, required or not, on one line; empty:
// nothing.
std::string missing_to_load(uint64_t effective);

// The same of this thread and an error of loading; empty, too, if signals were the reason.
std::string missing_to_load_after(const Error& error);

// privileges_text() for this thread.
std::string missing_privileges(std::string_view command);

}  // namespace sonde::cli
