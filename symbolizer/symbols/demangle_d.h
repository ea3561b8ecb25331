// SPDX-License-Identifier: Apache-2.0
// A D symbol's name as D writes it.
#pragma once

#include <string>

namespace sonde {

// Empty: it is none ("_D..."), or reading it takes more than a name is worth.
std::string demangle_d(const std::string& name);

}  // namespace sonde
