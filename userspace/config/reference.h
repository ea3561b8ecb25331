// SPDX-License-Identifier: Apache-2.0
// What the table of options says, for people: the flags of a command's help, and the reference
// page.
#pragma once

#include <span>
#include <string>

#include "userspace/config/options.h"

namespace sonde {

// The flags of these groups, aligned, with their defaults; for a terminal.
std::string flags_help(std::span<const OptionGroup> groups);

// docs/reference/configuration.md.
std::string configuration_reference();

}  // namespace sonde
