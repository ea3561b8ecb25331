// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/reload.h"

#include "userspace/config/options.h"
#include "userspace/config/value.h"

namespace sonde::cli {

Reload reload(const Config& running, const Config& wanted) {
  Reload out{.config = running, .changed = {}, .waiting = {}};
  for (const Option& option : options()) {
    if (same_value(option, running, wanted)) {
      continue;
    }
    const std::string_view name = option.path.empty() ? option.flag : option.path;
    if (option.live) {
      copy_value(option, wanted, out.config);
      out.changed.emplace_back(name);
    } else {
      out.waiting.emplace_back(name);
    }
  }
  return out;
}

}  // namespace sonde::cli
