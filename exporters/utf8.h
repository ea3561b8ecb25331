// SPDX-License-Identifier: Apache-2.0
// Text of the watched world, made fit for who wants UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace sonde {

// Appends text, each byte that is not part of valid UTF-8 replaced by U+FFFD, and each NUL, which
// ends the input of some readers.
void append_utf8(std::string_view text, std::string& out);

}  // namespace sonde
