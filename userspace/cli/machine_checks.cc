// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/machine_checks.h"

#include <fmt/format.h>

#include "userspace/kernel/kernel_types.h"

namespace sonde::cli {

Check types_check(const std::string& file) {
  constexpr std::string_view kOwn = "use a kernel built with CONFIG_DEBUG_INFO_BTF=y";
  Check check{
      .name = "kernel types", .state = CheckState::kOk, .finding = {}, .affects = {}, .remedy = {}};
  const auto types = find_kernel_types(file);
  if (!types) {
    check.state = CheckState::kBlocked;
    check.finding = types.error().what;
    check.affects = "everything: no door can find the kernel's fields";
    check.remedy = kOwn;
  } else if (types->own) {
    check.finding = types->file;
  } else {
    check.state = CheckState::kDegraded;
    check.finding = fmt::format("of the file {}: the kernel offers none itself", types->file);
    check.affects = "every door but `syscall`; all that needs an iterator";
    check.remedy = kOwn;
  }
  return check;
}

Check lockdown_check(Lockdown mode) {
  Check check{
      .name = "lockdown", .state = CheckState::kOk, .finding = "none", .affects = {}, .remedy = {}};
  switch (mode) {
    case Lockdown::kUnknown:
      check.finding = "none that shows in /sys/kernel/security";
      break;
    case Lockdown::kNone:
      break;
    case Lockdown::kIntegrity:
      check.finding = "integrity: nothing may change the kernel, which Sonde does not do";
      break;
    case Lockdown::kConfidentiality:
      check.state = CheckState::kBlocked;
      check.finding = "confidentiality: no program may read the kernel's memory";
      check.affects = "everything: no door can look at sockets";
      check.remedy = "boot it with lockdown=integrity, or without";
      break;
  }
  return check;
}

}  // namespace sonde::cli
