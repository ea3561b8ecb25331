// SPDX-License-Identifier: Apache-2.0
// Puts lines and inlined functions into a profile whose frames have their names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "userspace/model/profile.h"
#include "userspace/pipeline/frame_lines.h"

namespace sonde {

struct ProfileLinesLimits {
  size_t bytes = size_t{64} << 20;  // of all that is put into it
};

// modules: those of the profile, by the same numbers. Files are asked about in the order of the
// samples that met them, so that what takes too long in all is missing where it matters least. A
// frame keeps its name where it has one, since that is the same with lines and without. Gives the
// number of places that found no room: they have their names alone.
uint64_t add_lines(Profile& profile, const std::vector<Module>& modules, FrameLines& lines,
                   const ProfileLinesLimits& limits = {});

}  // namespace sonde
