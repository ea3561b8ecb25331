// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include "userspace/cli/command.h"
#include "userspace/cli/door_checks.h"
#include "userspace/cli/privileges.h"
#include "userspace/sources/kernel_side.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kGeneral, OptionGroup::kKernel};

Check privileges_check() {
  Check check{
      .name = "privileges", .state = CheckState::kOk, .finding = {}, .affects = {}, .remedy = {}};
  const std::optional<uint64_t> effective = effective_capabilities();
  if (!effective) {
    check.state = CheckState::kUnknown;
    check.finding = "/proc does not say";
    return check;
  }
  const std::vector<Capability> missing = missing_capabilities(*effective);
  if (missing.empty()) {
    check.finding = "all that Sonde uses";
    return check;
  }
  check.state = CheckState::kDegraded;
  for (const Capability& capability : missing) {
    check.finding +=
        fmt::format("{}{}", check.finding.empty() ? "missing: " : ", ", capability.name);
    check.affects += fmt::format("{}{}", check.affects.empty() ? "" : "; ", capability.purpose);
    check.state = capability.required ? CheckState::kBlocked : check.state;
  }
  check.remedy = "run it as root: sudo sonde doctor";
  return check;
}

Check types_check() {
  const bool there = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  return {.name = "kernel types",
          .state = there ? CheckState::kOk : CheckState::kBlocked,
          .finding = there ? "/sys/kernel/btf/vmlinux" : "the kernel offers no BTF",
          .affects = there ? "" : "every door: the fields of the kernel cannot be found",
          .remedy = there ? "" : "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"};
}

// Every door is tried, so that the list says what each kernel change would bring.
int run(const Config& config, const Arguments& /*arguments*/) {
  adopt_libbpf_log();
  Checklist list;
  list.add(kernel_check());
  list.add(privileges_check());
  list.add(types_check());
  std::string_view best;
  for (const DoorKind& kind : door_kinds()) {
    KernelSideOptions options;
    options.door = std::string(kind.name);
    options.ring_bytes = static_cast<uint32_t>(config.kernel.ring_bytes);
    std::vector<DoorAttempt> attempts;
    const auto kernel = KernelSide::open(options, &attempts);
    for (const DoorAttempt& attempt : attempts) {
      list.add(door_check(attempt, best.empty()));
    }
    if (!kernel) {
      continue;
    }
    if (best.empty()) {
      best = kind.name;
      for (const std::string& warning : (*kernel)->warnings()) {
        list.add({.name = "hooks",
                  .state = CheckState::kDegraded,
                  .finding = warning,
                  .affects = {},
                  .remedy = {}});
      }
      list.add({.name = "missed",
                .state = CheckState::kOk,
                .finding = std::string(kind.misses),
                .affects = {},
                .remedy = {}});
    }
  }
  list.add({.name = "verdict",
            .state = best.empty() ? CheckState::kBlocked : CheckState::kOk,
            .finding = best.empty() ? "no door works: Sonde can see nothing here"
                                    : fmt::format("sonde run would take the door {}", best),
            .affects = {},
            .remedy = {}});
  fmt::print("{}", list.text(wants_colour(STDOUT_FILENO)));
  return best.empty() ? kFailure : kOk;
}

}  // namespace

const Command doctor_command = {
    .name = "doctor",
    .summary = "say what works on this machine, what does not, and why",
    .usage = "[flags]",
    .text =
        R"(Checks the kernel, the privileges and each way into the kernel by loading the real programs and
proving them with an exchange over the loopback; then says which way would be taken, why not a
better one, what is missed, and how to mend it. It changes nothing and leaves nothing behind.

Privileges: without those of `sonde run` it tells what it can.
)",
    .groups = kGroups,
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
