// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <utility>

#include "userspace/cli/command.h"
#include "userspace/cli/confinement.h"
#include "userspace/cli/door_checks.h"
#include "userspace/cli/feature_checks.h"
#include "userspace/cli/machine_checks.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/profile_checks.h"
#include "userspace/cli/tcp_health_check.h"
#include "userspace/sources/kernel_side.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kGeneral, OptionGroup::kWeb, OptionGroup::kKernel,
                                   OptionGroup::kKernelTypes, OptionGroup::kSampling};

// loaded: a door was opened, so that nothing that is needed for it is missing.
Check privileges_check(bool loaded) {
  Check check{
      .name = "privileges", .state = CheckState::kOk, .finding = {}, .affects = {}, .remedy = {}};
  const auto effective = confine::effective_capabilities();
  if (!effective) {
    check.state = CheckState::kUnknown;
    check.finding = effective.error().what;
    return check;
  }
  std::vector<Capability> missing = missing_capabilities(*effective);
  std::erase_if(missing, [&](const Capability& one) { return loaded && one.to_load; });
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

// What works through the door that would be taken.
void add_features(Checklist& list, KernelSide& kernel) {
  list.add({.name = "requests",
            .state = CheckState::kOk,
            .finding = fmt::format("by the door {}", kernel.door().name),
            .affects = std::string(kernel.door().misses),
            .remedy = {}});
  list.add(process_ids_check(kernel.self(), static_cast<uint32_t>(getpid())));
  list.add(new_processes_check(kernel));
  list.add(tcp_health_check(kernel));
  for (const std::string& warning : kernel.warnings()) {
    list.add({.name = "hooks",
              .state = CheckState::kDegraded,
              .finding = warning,
              .affects = {},
              .remedy = {}});
  }
}

// Every door is tried, so that the list says what each kernel change would bring.
int run(const Config& config, const Arguments& /*arguments*/) {
  adopt_libbpf_log();
  Checklist machine;
  machine.add(kernel_check());
  machine.add(types_check(config.kernel.types));
  machine.add(lockdown_check(lockdown()));
  Checklist features;
  std::string_view best;
  confine::CapabilitySet later = 0;  // of the door that would be taken
  for (const DoorKind& kind : door_kinds()) {
    KernelSideOptions options;
    options.door = kind.choice;
    options.ring_bytes = static_cast<uint32_t>(config.kernel.ring_bytes);
    options.tcp_health = config.kernel.tcp_health;
    options.types = config.kernel.types;
    std::vector<DoorAttempt> attempts;
    const auto kernel = KernelSide::open(options, &attempts);
    for (const DoorAttempt& attempt : attempts) {
      machine.add(door_check(attempt, best.empty()));
    }
    if (kernel && best.empty()) {
      best = kind.name;
      later = needed_later([&kernel] { return (*kernel)->counters().has_value(); });
      add_features(features, **kernel);
    }
  }
  machine.add(privileges_check(!best.empty()));
  features.add(metrics_check(config.web.listen));
  for (Check& check : profile_checks(config.profile)) {
    features.add(std::move(check));
  }
  // From here on doctor is as confined as `sonde run` once it watches: what follows is done so.
  if (!best.empty()) {
    features.add(config.security.confine
                     ? confinement_check(confine_process(later))
                     : confinement_check({.wanted = false, .held = 0, .missing = {}}));
  }
  features.add(names_check(ProcRoot()));
  features.add(declared_names_check(ProcRoot()));
  features.add(company_check(ProcRoot(), static_cast<uint32_t>(getpid())));
  features.add({.name = "verdict",
                .state = best.empty() ? CheckState::kBlocked : CheckState::kOk,
                .finding = best.empty() ? "no door works: Sonde can see nothing here"
                                        : fmt::format("sonde run would take the door {}", best),
                .affects = {},
                .remedy = {}});
  const bool colour = wants_colour(STDOUT_FILENO);
  fmt::print("This machine, and the ways into its kernel:\n{}\nWhat works here:\n{}",
             machine.text(colour), features.text(colour));
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
better one, what is missed, and how to mend it. It changes nothing and leaves nothing behind. The
names of processes are looked at as confined as `sonde run` is.

Privileges: without those of `sonde run` it tells what it can.
)",
    .groups = kGroups,
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
