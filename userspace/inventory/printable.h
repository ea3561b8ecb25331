// SPDX-License-Identifier: Apache-2.0
// printable: hostile bytes made fit for labels and terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sonde {

// At most max_bytes of valid UTF-8; each control character and each byte that is no UTF-8 becomes
// '_'.
std::string printable(std::string_view text, size_t max_bytes);

}  // namespace sonde
