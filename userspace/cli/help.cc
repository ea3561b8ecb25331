// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/command.h"
#include "userspace/config/problems.h"
#include "userspace/config/reference.h"

namespace sonde::cli {
namespace {

int run(const Config& /*config*/, const Arguments& arguments) {
  if (arguments.words.empty()) {
    fmt::print("{}", overview_help());
    return kOk;
  }
  const std::string_view topic = arguments.words[0];
  if (arguments.words.size() > 1) {
    fmt::print(stderr, "sonde help: one topic at a time\n");
    return kWrongUse;
  }
  if (topic == "configuration") {
    fmt::print("{}", configuration_reference());
  } else if (topic == "commands") {
    fmt::print("{}", commands_reference());
  } else if (const Command* command = command_by_name(topic)) {
    fmt::print("{}", command_help(*command));
  } else {
    fmt::print(stderr, "sonde help: no topic {}{}\n", quoted(topic), command_meant(topic));
    return kWrongUse;
  }
  return kOk;
}

}  // namespace

const Command help_command = {
    .name = "help",
    .summary = "tell about a command, or about all settings",
    .usage = "[COMMAND | configuration | commands]",
    .text =
        R"(Without a topic it lists the commands. `sonde help configuration` and `sonde help commands`
print the reference pages, in Markdown, as this very binary understands them.
)",
    .groups = {},
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
