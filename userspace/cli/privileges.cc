// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/privileges.h"

#include <fmt/core.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

namespace sonde::cli {
namespace {

constexpr std::array<Capability, 5> kWanted = {{
    {"CAP_BPF", CAP_BPF, true, "load the kernel side"},
    {"CAP_PERFMON", CAP_PERFMON, true, "attach it, and read what connections carry"},
    {"CAP_SYS_PTRACE", CAP_SYS_PTRACE, false, "name the services of other users"},
    {"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, false,
     "read other users' files, such as executables"},
    {"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE, false, "lock memory, on kernels before 5.11"},
}};

bool has(uint64_t set, uint32_t number) { return (set >> number & 1) != 0; }

}  // namespace

std::span<const Capability> wanted_capabilities() { return kWanted; }

std::optional<uint64_t> effective_capabilities(std::string_view status) {
  constexpr std::string_view kKey = "CapEff:\t";
  const size_t at = status.find(kKey);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = status.substr(at + kKey.size());
  uint64_t set = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  return error == std::errc() ? std::optional(set) : std::nullopt;
}

std::optional<uint64_t> effective_capabilities() {
  std::ostringstream status;
  status << std::ifstream("/proc/self/status").rdbuf();
  return effective_capabilities(status.str());
}

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

std::string missing_privileges(std::string_view command) {
  const std::optional<uint64_t> effective = effective_capabilities();
  return effective ? privileges_text(command, *effective) : "";
}

}  // namespace sonde::cli
