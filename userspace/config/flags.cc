// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "userspace/config/nearest.h"
#include "userspace/config/sources.h"
#include "userspace/config/value.h"

namespace sonde {
namespace {

bool accepted(const Option& option, std::span<const OptionGroup> groups) {
  return std::ranges::find(groups, option.group) != groups.end();
}

// "-d" is "--seconds" where the command takes that; what else has one dash is no flag.
std::string long_form(std::string_view argument, std::span<const OptionGroup> groups) {
  constexpr size_t kShort = 2;
  const bool is_short = argument.size() == kShort && argument[0] == '-';
  const Option* option = is_short ? option_by_letter(argument[1]) : nullptr;
  return option != nullptr && accepted(*option, groups) ? fmt::format("--{}", option->flag)
                                                        : std::string();
}

std::string unknown_flag(std::string_view name, std::span<const OptionGroup> groups) {
  const Option* elsewhere = option_by_flag(name);
  if (elsewhere != nullptr) {
    return "this command has no such flag";
  }
  std::vector<std::string> flags;
  for (const Option& option : options()) {
    if (accepted(option, groups)) {
      flags.push_back(fmt::format("--{}", option.flag));
    }
  }
  return "unknown flag" + did_you_mean(fmt::format("--{}", name), {flags.begin(), flags.end()});
}

}  // namespace

FlagsRead read_flags(std::span<const std::string_view> arguments,
                     std::span<const OptionGroup> groups, Problems& problems) {
  FlagsRead read;
  bool only_operands = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    const std::string written_long =
        argument.starts_with("--") ? std::string() : long_form(argument, groups);
    argument = written_long.empty() || only_operands ? argument : written_long;
    if (only_operands || !argument.starts_with('-') || argument == "-") {
      read.operands.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      only_operands = true;
      continue;
    }
    if (!argument.starts_with("--")) {
      problems.add(quoted(argument), "unknown flag; flags are written --name");
      continue;
    }
    const size_t equals = argument.find('=');
    const bool has_value = equals != std::string_view::npos;
    const std::string_view name = argument.substr(2, has_value ? equals - 2 : equals);
    const std::string where = fmt::format("--{}", name);
    const Option* option = option_by_flag(name);
    bool negated = false;
    if (option == nullptr && name.starts_with("no-") && !has_value) {
      option = option_by_flag(name.substr(3));
      negated = option != nullptr && is_flag(*option);
      option = negated ? option : nullptr;
    }
    if (option == nullptr || !accepted(*option, groups)) {
      problems.add(quoted(where), unknown_flag(name, groups));
    } else if (has_value) {
      read.assignments.push_back({option, where, std::string(argument.substr(equals + 1))});
    } else if (is_flag(*option)) {
      read.assignments.push_back({option, where, negated ? "false" : "true"});
    } else if (i + 1 == arguments.size() || arguments[i + 1].starts_with("--") ||
               !long_form(arguments[i + 1], groups).empty()) {
      problems.add(where, fmt::format("needs a value: {}", domain_text(*option)));
    } else {
      read.assignments.push_back({option, where, std::string(arguments[++i])});
    }
  }
  return read;
}

}  // namespace sonde
