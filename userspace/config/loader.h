// SPDX-License-Identifier: Apache-2.0
// load_config: defaults < file < environment < flags, all checked against one table. Called once,
// from main.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/config/config.h"
#include "userspace/config/options.h"
#include "userspace/config/problems.h"

namespace sonde {

constexpr std::string_view kDefaultConfigFile = "/etc/sonde/sonde.yaml";

struct ConfigSources {
  std::span<const std::string_view> arguments;    // behind the command's name
  std::span<const std::string_view> environment;  // NAME=value
  std::span<const OptionGroup> groups;            // whose flags the command accepts
  std::string_view
      operands;  // flag of the option that words without a dash belong to; empty: there are none
  std::string_view default_file = kDefaultConfigFile;  // read if it is there
};

struct LoadedConfig {
  Config config;
  std::vector<std::string> warnings;
};

std::expected<LoadedConfig, Problems> load_config(const ConfigSources& sources);

}  // namespace sonde
