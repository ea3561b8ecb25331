// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/command.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/watch.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {
    OptionGroup::kGeneral,  OptionGroup::kWeb,    OptionGroup::kKernel,   OptionGroup::kKernelTypes,
    OptionGroup::kPipeline, OptionGroup::kLimits, OptionGroup::kGovernor, OptionGroup::kSelection,
    OptionGroup::kNaming,   OptionGroup::kRoutes, OptionGroup::kSampling, OptionGroup::kSymbols};

int run(const Config& config, const Arguments& arguments) {
  if (const std::string missing = missing_privileges("run"); !missing.empty()) {
    fmt::print(stderr, "{}", missing);
    return kMissingPrivilege;
  }
  return watch_host(config, arguments.read_again);
}

}  // namespace

const Command run_command = {
    .name = "run",
    .summary = "watch this host and serve its metrics",
    .usage = "[flags]",
    .text =
        R"(Watches the connections of every process on the host from inside the kernel, understands what
they say, and serves rate, errors and duration of every service for Prometheus, by default at
http://127.0.0.1:9464/metrics. Who asks at /debug/pprof/profile?seconds=30&service=NAME gets a CPU
profile, as `go tool pprof`, Parca and Alloy do. It only reads: no program is changed or restarted.
It runs until SIGINT or SIGTERM; SIGHUP makes it read its configuration again.

Privileges: CAP_BPF and CAP_PERFMON; also CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH to name the
services of other users, and CAP_SYS_RESOURCE on kernels before 5.11. The simplest way to have
them is sudo. Once everything is attached only CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are held
(before 5.19 CAP_BPF too), and no program is started, no socket made and no file written.

Examples:
  sudo sonde                                 everything, with defaults
  sudo sonde --listen 0.0.0.0:9464           let another machine scrape
  sudo sonde --include exe=nginx --include port=8000-8999
                                             only nginx, and what serves on these ports
  sudo sonde --exclude user=postgres         all but one user's processes
)",
    .groups = kGroups,
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
