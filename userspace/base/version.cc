// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/version.h"

namespace sonde {

std::string_view version() { return SONDE_VERSION; }

}  // namespace sonde
