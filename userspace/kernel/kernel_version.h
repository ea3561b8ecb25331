// SPDX-License-Identifier: Apache-2.0
// The version of a kernel, for the one question that nothing but a version answers: whether it has
// a fault that cannot be tried out. For everything else ask for the feature.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sonde {

struct KernelVersion {
  uint32_t major = 0;
  uint32_t minor = 0;
  uint32_t patch = 0;
  auto operator<=>(const KernelVersion&) const = default;
};

// "6.1.35-21-amd64" (uname -r). Nothing: it has no such form.
std::optional<KernelVersion> parse_kernel_version(std::string_view release);

// With what the build says of itself (uname -v): Debian's 6.1.176 is released as "6.1.0-50-amd64",
// and built as "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-06-02)".
std::optional<KernelVersion> parse_kernel_version(std::string_view release, std::string_view build);

// Of the kernel that runs here.
std::optional<KernelVersion> kernel_version();

// On these a program that reads user memory in an interrupt, as the sampler does, can lock the
// whole machine: a check of what is copied (CONFIG_HARDENED_USERCOPY) takes a lock that the
// interrupted code may hold. 5.19 to 6.0, 6.1 before 6.1.36, 6.2, 6.3 before 6.3.10. Distributions
// mend it without a new number: who knows better may say so.
bool sampling_may_lock_up(const KernelVersion& version);

}  // namespace sonde
