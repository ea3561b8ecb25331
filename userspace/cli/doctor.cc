// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/command.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kGeneral, OptionGroup::kKernel};

int run(const Config& /*config*/, const Arguments& /*arguments*/) {
  fmt::print(stderr, "sonde doctor: not built yet\n");
  return kFailure;
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
