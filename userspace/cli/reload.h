// SPDX-License-Identifier: Apache-2.0
// Reload: what a configuration read again may change in a Sonde that runs.
#pragma once

#include <string>
#include <vector>

#include "userspace/config/config.h"

namespace sonde::cli {

struct Reload {
  Config config;                     // what runs from now on: the live options of the new one
  std::vector<std::string> changed;  // names of the options taken over
  std::vector<std::string> waiting;  // of those that differ and need a restart
};

Reload reload(const Config& running, const Config& wanted);

}  // namespace sonde::cli
