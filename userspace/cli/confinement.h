// SPDX-License-Identifier: Apache-2.0
// Confinement: what `sonde run`, `sonde record` and `sonde profile` give up once everything is
// attached and open (docs/architecture/confinement.md).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "userspace/cli/checklist.h"
#include "userspace/confine/call_filter.h"
#include "userspace/confine/capabilities.h"

namespace sonde::cli {

struct Confinement {
  bool wanted = true;
  confine::CapabilitySet held = 0;
  std::vector<std::string> missing;  // what could not be given up, and why
};

// What is held on to: what naming processes takes, and what this kernel asks for at each look into
// a map. That is found out by trying: map_read looks into one.
confine::CapabilitySet needed_later(const std::function<bool()>& map_read);

// Gives up the rest, for this thread and those it starts from now on. What is not possible on this
// kernel is left and named. left_out: as filter_calls() takes it.
Confinement confine_process(confine::CapabilitySet keep, confine::LeftOut left_out = nullptr);

// For the thread that answers the network, which needs nothing at all: first thing on it, after
// confine_process().
void confine_web_thread();

Check confinement_check(const Confinement& confinement);

}  // namespace sonde::cli
