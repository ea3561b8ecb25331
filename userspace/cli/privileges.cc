// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/privileges.h"

#include <fmt/core.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "userspace/confine/capabilities.h"

namespace sonde::cli {
namespace {

constexpr std::array<Capability, 5> kWanted = {{
    {"CAP_BPF", CAP_BPF, true, true, "load the kernel side"},
    {"CAP_PERFMON", CAP_PERFMON, true, true, "attach it, and read what connections carry"},
    {"CAP_SYS_PTRACE", CAP_SYS_PTRACE, false, false, "name the services of other users"},
    {"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, false, false,
     "read what services of other users declare, and the files of container runtimes"},
    {"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE, false, true, "lock memory, on kernels before 5.11"},
}};

bool has(uint64_t set, uint32_t number) { return (set >> number & 1) != 0; }

}  // namespace

std::span<const Capability> wanted_capabilities() { return kWanted; }

std::vector<Capability> missing_capabilities(uint64_t effective) {
  std::vector<Capability> missing;
  for (const Capability& capability : kWanted) {
    const bool by_admin = capability.required && has(effective, CAP_SYS_ADMIN);
    if (!has(effective, capability.number) && !by_admin) {
      missing.push_back(capability);
    }
  }
  return missing;
}

std::string privileges_text(std::string_view command, uint64_t effective) {
  const std::vector<Capability> missing = missing_capabilities(effective);
  if (std::ranges::none_of(missing, &Capability::required)) {
    return "";
  }
  std::string out = fmt::format("sonde {}: this process lacks privileges:\n", command);
  for (const Capability& capability : missing) {
    out += fmt::format("  {:<20} {}{}\n", capability.name, capability.purpose,
                       capability.required ? "" : "; optional");
  }
  out += fmt::format(
      "Start it as root:  sudo sonde {}\n"
      "In a container or a unit, grant it the capabilities above.\n",
      command);
  return out;
}

std::string missing_to_load(uint64_t effective) {
  std::string out;
  for (const Capability& capability : missing_capabilities(effective)) {
    if (capability.to_load) {
      out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", capability.name, capability.purpose);
    }
  }
  return out;
}

std::string missing_to_load_after(const Error& error) {
  const auto effective = confine::effective_capabilities();
  return effective && error.code != EAGAIN ? missing_to_load(*effective) : "";
}

std::string missing_privileges(std::string_view command) {
  const auto effective = confine::effective_capabilities();
  return effective ? privileges_text(command, *effective) : "";
}

}  // namespace sonde::cli
