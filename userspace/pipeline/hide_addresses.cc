// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/hide_addresses.h"

namespace sonde {

void hide_addresses(Profile& profile) {
  for (ProfileFrame& frame : profile.frames) {
    const std::string& module = profile.modules[frame.module].path;
    if (!module.starts_with('[')) {
      continue;
    }
    frame.offset = 0;
    if (frame.function.starts_with(module + "+0x")) {
      frame.function = module;
    }
  }
}

}  // namespace sonde
