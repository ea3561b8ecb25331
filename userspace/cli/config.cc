// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/command.h"
#include "userspace/config/yaml_text.h"

namespace sonde::cli {
namespace {

// Every group: a configuration is checked as a whole, whichever command will read it.
constexpr auto kGroups = [] {
  std::array<OptionGroup, kOptionGroups> all{};
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<OptionGroup>(i);
  }
  return all;
}();

constexpr std::string_view kActions[] = {"check", "print"};

// What is wrong was told already, by whoever read the configuration for us.
int run(const Config& config, const Arguments& arguments) {
  if (arguments.action == "print") {
    fmt::print("{}", config_yaml(config));
  } else {
    fmt::print("sonde: {} is good\n",
               config.file.empty() ? "the configuration (there is no file)" : config.file);
  }
  return kOk;
}

}  // namespace

const Command config_command = {
    .name = "config",
    .summary = "check the configuration, or print all of it",
    .usage = "check|print [flags] [FILE]",
    .text =
        R"(Reads the configuration as `sonde run` would - file, environment and flags - and tells every
mistake in it with its line, before a restart or a reload meets it. `print` shows every setting
with its value as a file that would give the same; what is not a default is marked.

Privileges: none, but those to read the file.

Examples:
  sonde config check                       the file that `sonde run` would read
  sonde config check new.yaml              another one; exit code 2 if it is wrong
  sonde config print --include exe=nginx   what a flag would change
)",
    .groups = kGroups,
    .operands = "config",
    .actions = kActions,
    .run = run,
};

}  // namespace sonde::cli
