// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/command.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kGeneral, OptionGroup::kWeb, OptionGroup::kPipeline,
                                   OptionGroup::kLimits, OptionGroup::kReplay};

int run(const Config& config, const Arguments& /*arguments*/) {
  if (config.replay.tapes.empty()) {
    fmt::print(stderr, "sonde replay: which tapes? sonde replay shop.tape\n");
    return kWrongUse;
  }
  fmt::print(stderr, "sonde replay: not built yet\n");
  return kFailure;
}

}  // namespace

const Command replay_command = {
    .name = "replay",
    .summary = "take recorded tapes through the same pipeline, without privileges",
    .usage = "[flags] FILE...",
    .text = R"(Reads tapes that `sonde record` wrote and treats them as if they happened now.

Privileges: none.

Examples:
  sonde replay shop.tape                               as fast as possible
  sonde replay --speed 1 monday.tape tuesday.tape      as it was
)",
    .groups = kGroups,
    .operands = "replay.tapes",
    .run = run,
};

}  // namespace sonde::cli
