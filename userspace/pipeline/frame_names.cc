// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/frame_names.h"

#include <fmt/format.h>

namespace sonde {

std::string place_name(const Module& module, uint64_t offset) {
  const std::string_view path = module.path;
  // Of what is not known the address tells nothing, and would be another name each time.
  if (module.kind == ModuleKind::kUnknown) {
    return std::string(path);
  }
  return fmt::format("{}+{:#x}", path.substr(path.rfind('/') + 1), offset);
}

}  // namespace sonde
