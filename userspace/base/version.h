// SPDX-License-Identifier: Apache-2.0
// The version of this Sonde, as CMakeLists.txt names it.
#pragma once

#include <string_view>

namespace sonde {

std::string_view version();

}  // namespace sonde
