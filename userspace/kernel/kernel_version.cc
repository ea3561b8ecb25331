// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/kernel_version.h"

#include <sys/utsname.h>

#include <charconv>

namespace sonde {
namespace {

bool take_number(std::string_view& text, uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take_dot(std::string_view& text) {
  const bool found = text.starts_with('.');
  text.remove_prefix(found ? 1 : 0);
  return found;
}

}  // namespace

std::optional<KernelVersion> parse_kernel_version(std::string_view release) {
  KernelVersion version;
  if (!take_number(release, version.major) || !take_dot(release) ||
      !take_number(release, version.minor)) {
    return std::nullopt;
  }
  // "6.12-rc1" has no third number.
  if (take_dot(release) && !take_number(release, version.patch)) {
    return std::nullopt;
  }
  return version;
}

std::optional<KernelVersion> parse_kernel_version(std::string_view release,
                                                  std::string_view build) {
  auto version = parse_kernel_version(release);
  constexpr std::string_view kDebian = " Debian ";
  if (const size_t at = build.find(kDebian); version && at != std::string_view::npos) {
    const auto told = parse_kernel_version(build.substr(at + kDebian.size()));
    if (told && told->major == version->major && told->minor == version->minor) {
      return told;
    }
  }
  return version;
}

std::optional<KernelVersion> kernel_version() {
  utsname kernel{};
  return uname(&kernel) == 0 ? parse_kernel_version(kernel.release, kernel.version) : std::nullopt;
}

bool sampling_may_lock_up(const KernelVersion& version) {
  struct Fault {
    KernelVersion from;
    KernelVersion mended;
  };
  constexpr Fault kFaults[] = {
      {{5, 19, 0}, {6, 1, 0}},
      {{6, 1, 0}, {6, 1, 36}},
      {{6, 2, 0}, {6, 3, 0}},
      {{6, 3, 0}, {6, 3, 10}},
  };
  for (const auto& [from, mended] : kFaults) {
    if (version >= from && version < mended) {
      return true;
    }
  }
  return false;
}

}  // namespace sonde
