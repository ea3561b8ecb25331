// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/confinement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>

#include "userspace/base/log.h"
#include "userspace/cli/privileges.h"
#include "userspace/confine/call_filter.h"
#include "userspace/confine/landlock.h"

namespace sonde::cli {

confine::CapabilitySet needed_later(const std::function<bool()>& map_read) {
  confine::CapabilitySet needed = 0;
  for (const Capability& each : wanted_capabilities()) {
    if (!each.to_load) {
      needed |= confine::capability(each.number);
    }
  }
  // CAP_SYS_ADMIN answers for CAP_BPF, and is kept for it only where there is no CAP_BPF.
  constexpr confine::CapabilitySet kBpf = confine::capability(CAP_BPF);
  constexpr confine::CapabilitySet kAdmin = confine::capability(CAP_SYS_ADMIN);
  const auto free = confine::works_without(kBpf | kAdmin, map_read);
  if (free.value_or(false)) {
    return needed;
  }
  const bool has_bpf = (confine::effective_capabilities().value_or(kBpf) & kBpf) != 0;
  return needed | (has_bpf ? kBpf : kAdmin);
}

Confinement confine_process(confine::CapabilitySet keep, confine::LeftOut left_out) {
  Confinement out;
  if (auto done = confine::keep_only(keep); !done) {
    out.missing.push_back("all capabilities are kept: " + done.error().what);
  }
  if (auto done = confine::filter_calls(left_out); !done) {
    out.missing.push_back("every system call stays allowed: " + done.error().what);
  }
  if (confine::landlock_version() == 0) {
    out.missing.emplace_back("no Landlock in this kernel: the web server's thread may read files");
  }
  out.held = confine::effective_capabilities().value_or(0);
  return out;
}

void confine_web_thread() {
  if (auto done = confine::keep_only(0); !done) {
    log::warn("the web server's thread keeps capabilities: {}", done.error().what);
  }
  if (confine::landlock_version() == 0) {
    return;  // told at the start
  }
  if (auto done = confine::shut_file_system(); !done) {
    log::warn("the web server's thread may read files: {}", done.error().what);
  }
}

Check confinement_check(const Confinement& confinement) {
  Check check{
      .name = "confined", .state = CheckState::kOk, .finding = {}, .affects = {}, .remedy = {}};
  if (!confinement.wanted) {
    check.state = CheckState::kDegraded;
    check.finding = "not, as security.confine says: everything it was started with is kept";
    return check;
  }
  std::vector<std::string_view> held;
  for (const Capability& each : wanted_capabilities()) {
    if ((confinement.held & confine::capability(each.number)) != 0) {
      held.push_back(each.name);
    }
  }
  if ((confinement.held & confine::capability(CAP_SYS_ADMIN)) != 0) {
    held.emplace_back("CAP_SYS_ADMIN");
  }
  check.finding =
      fmt::format("holds {} once started; starts no program, writes no file",
                  held.empty() ? "no capability" : fmt::format("{}", fmt::join(held, ", ")));
  if (!confinement.missing.empty()) {
    check.state = CheckState::kDegraded;
    check.affects = fmt::format("{}", fmt::join(confinement.missing, "; "));
  }
  return check;
}

}  // namespace sonde::cli
