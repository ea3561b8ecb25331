// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/door_checks.h"

#include <fmt/format.h>
#include <sys/utsname.h>

namespace sonde::cli {

Check kernel_check() {
  utsname host{};
  if (uname(&host) != 0) {
    return {.name = "kernel",
            .state = CheckState::kUnknown,
            .finding = "unknown",
            .affects = {},
            .remedy = {}};
  }
  return {.name = "kernel",
          .state = CheckState::kOk,
          .finding = fmt::format("Linux {}, {}", host.release, host.machine),
          .affects = {},
          .remedy = {}};
}

Check door_check(const DoorAttempt& attempt, bool wanted) {
  Check check{.name = std::string(attempt.kind->name),
              .state = CheckState::kOk,
              .finding = {},
              .affects = {},
              .remedy = {}};
  if (attempt.why_not.empty()) {
    check.finding = fmt::format("{}; proven by {} facts of a loopback exchange",
                                attempt.kind->description, attempt.checks);
    if (attempt.unix_why_not.empty()) {
      check.finding += fmt::format(", {} of one over AF_UNIX", attempt.unix_checks);
      return check;
    }
    check.state = CheckState::kDegraded;
    check.finding += fmt::format("; not over AF_UNIX: {}", attempt.unix_why_not);
    check.affects = "exchanges over unix sockets: they may be missed or wrong";
    check.remedy = "see docs/limits.md for what is known to be missed; --door takes another one";
    return check;
  }
  check.state = wanted ? CheckState::kBlocked : CheckState::kDegraded;
  check.finding = attempt.why_not;
  check.affects = "this way of seeing socket calls";
  check.remedy = "see docs/limits.md for what it needs; the next door is tried by itself";
  return check;
}

}  // namespace sonde::cli
