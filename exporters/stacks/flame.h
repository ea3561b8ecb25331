// SPDX-License-Identifier: Apache-2.0
// A flame graph: one SVG file that a browser opens, with all it needs in it. A click zooms into a
// function, a search marks what matches and says how much of the whole that is.
#pragma once

#include <string>
#include <string_view>

#include "userspace/model/profile.h"

namespace sonde::stacks {

// "CPU time of shop: 2.5 s in 30 s".
std::string cpu_title(const Profile& profile, std::string_view whose);

// Functions narrower than half a pixel are left out.
std::string flame_graph(const Profile& profile, std::string_view title);

}  // namespace sonde::stacks
