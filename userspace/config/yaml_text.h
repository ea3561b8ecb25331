// SPDX-License-Identifier: Apache-2.0
// A Config as the file that would give it: what `sonde config print` shows.
#pragma once

#include <string>

#include "userspace/config/config.h"

namespace sonde {

// Every option of the file, in the order of the table; what is not a default is marked. Read as a
// file it gives the same Config.
std::string config_yaml(const Config& config);

}  // namespace sonde
