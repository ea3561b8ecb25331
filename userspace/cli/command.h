// SPDX-License-Identifier: Apache-2.0
// Command: one subcommand of sonde. Each has its own file, <name>.cc, which defines <name>_command,
// and one line in the list below; help, flags and dispatch follow from that.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/config/config.h"
#include "userspace/config/options.h"
#include "userspace/config/problems.h"

namespace sonde::cli {

// Documented in docs/reference/commands.md; scripts rely on them.
enum ExitCode : int {
  kOk = 0,
  kFailure = 1,           // it started and failed
  kWrongUse = 2,          // wrong command, flag, variable or configuration file
  kMissingPrivilege = 3,  // it needs more rights than it has
};

// Reads the same file, variables and flags again. For one thread, at any time.
using ConfigReader = std::function<std::expected<Config, Problems>()>;

// What stands on the command line behind the command's name. Views live as long as main.
struct Arguments {
  std::string_view command;
  std::vector<std::string_view> words;  // without the action
  std::string_view action;              // one of the command's actions; empty: it has none
  ConfigReader read_again;
};

struct Command {
  std::string_view name;
  std::string_view summary;  // one line, for the list
  std::string_view usage;    // behind the name: "[flags] FILE"
  std::string_view text;     // what it does, what it needs, examples
  // The flags it takes. Empty: none, and no configuration is read; run() is given the defaults and
  // finds its words in the arguments.
  std::span<const OptionGroup> groups;
  std::string_view operands;  // flag of the option that words without dashes belong to
  // Words of which one must stand first: "check", "print". Empty: there are none.
  std::span<const std::string_view> actions = {};
  int (*run)(const Config& config, const Arguments& arguments);  // gives the exit code
};

// The list, in the order of the help. The first is the default.
#define SONDE_COMMANDS(X) \
  X(run)                  \
  X(record)               \
  X(replay)               \
  X(profile)              \
  X(compare)              \
  X(symbolize)            \
  X(doctor)               \
  X(config)               \
  X(completion)           \
  X(version)              \
  X(help)

#define X(name) extern const Command name##_command;
SONDE_COMMANDS(X)
#undef X

std::span<const Command* const> commands();

// Null: no such command.
const Command* command_by_name(std::string_view name);

// "; did you mean run?" or nothing.
std::string command_meant(std::string_view name);

// The help of one command, of all, and docs/reference/commands.md.
std::string command_help(const Command& command);
std::string overview_help();
std::string commands_reference();

// Finds the command, reads the configuration, runs it. The first word that has no dash is the
// command.
int dispatch(std::span<const std::string_view> arguments,
             std::span<const std::string_view> environment);

}  // namespace sonde::cli
