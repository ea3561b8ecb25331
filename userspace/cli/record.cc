// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/command.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/watch.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {
    OptionGroup::kGeneral, OptionGroup::kKernel,   OptionGroup::kKernelTypes,
    OptionGroup::kLimits,  OptionGroup::kGovernor, OptionGroup::kSelection,
    OptionGroup::kNaming,  OptionGroup::kRecord,   OptionGroup::kSampling};

int run(const Config& config, const Arguments& arguments) {
  if (config.record.tape.empty()) {
    fmt::print(stderr, "sonde record: which file? sonde record shop.tape\n");
    return kWrongUse;
  }
  if (const std::string missing = missing_privileges("record"); !missing.empty()) {
    fmt::print(stderr, "{}", missing);
    return kMissingPrivilege;
  }
  return record_host(config, arguments.read_again);
}

}  // namespace

const Command record_command = {
    .name = "record",
    .summary = "write what the kernel side sees to a tape",
    .usage = "[flags] FILE",
    .text =
        R"(Writes the kernel side's records to a file, until SIGINT or SIGTERM. `sonde replay` takes them
through the same pipeline again, on any machine and without privileges: a tape is a bug report,
a test and a demonstration. When the disk is full the recording says so and ends with exit code 1;
what is on the tape by then can be replayed.

Tapes are readable by their owner only and are redacted as they are written: credentials,
cookies, query values and bodies never reach the file. With --raw they do; such a tape holds
your users' secrets.

--samples adds where CPU time goes, in whose functions: `sonde profile --replay FILE` makes a
profile of it, on any machine. Stacks are walked before they are written, so that no byte of any
program's memory and no address is on the tape.

Privileges: as `sonde run`.

Examples:
  sudo sonde record shop.tape
  sudo sonde record --include exe=nginx shop.tape
  sudo sonde record --samples shop.tape
)",
    .groups = kGroups,
    .operands = "tape",
    .run = run,
};

}  // namespace sonde::cli
