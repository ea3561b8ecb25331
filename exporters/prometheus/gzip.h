// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sonde::prometheus {

// The text as one gzip member; nothing if there was no memory for it.
std::optional<std::string> gzip(std::string_view text);

}  // namespace sonde::prometheus
