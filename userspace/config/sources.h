// SPDX-License-Identifier: Apache-2.0
// The places values come from, read against the table of options. Each source is read whole, then
// applied whole, so that all of its problems are told and a list it gives replaces the list of an
// earlier source.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/config/options.h"
#include "userspace/config/problems.h"

namespace sonde {

// A value as it was written, and where.
struct Assignment {
  const Option* option = nullptr;
  std::string where;
  std::string value;
};

// Flags `--name value`, `--name=value`, `--name`/`--no-name`; what is no flag is an operand, and
// all after `--`. Flags of groups that are not among `groups` are problems.
struct FlagsRead {
  std::vector<Assignment> assignments;
  std::vector<std::string> operands;
};
FlagsRead read_flags(std::span<const std::string_view> arguments,
                     std::span<const OptionGroup> groups, Problems& problems);

// Variables of the form NAME=value. Empty ones count as not set. What begins with SONDE_ and is not
// known may be somebody else's; only what looks like a slip makes a warning.
std::vector<Assignment> read_environment(std::span<const std::string_view> variables,
                                         std::vector<std::string>& warnings);

// Values of lists may hold several: texts with commas between, rules with semicolons. An empty one
// empties the list.
void apply(std::span<const Assignment> assignments, Config& config, Problems& problems);

// Reads a file's text into the config; `file` is its name in problems.
void apply_yaml(std::string_view text, std::string_view file, Config& config, Problems& problems);

}  // namespace sonde
