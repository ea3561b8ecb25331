// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sonde {

// All of it, at that place of the file. 0, or errno.
int write_all(int fd, std::string_view bytes, uint64_t at);

}  // namespace sonde
