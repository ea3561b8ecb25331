// SPDX-License-Identifier: Apache-2.0
// The query of a request: "seconds=30&service=a%20b" taken apart.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "userspace/base/result.h"

namespace sonde {

constexpr size_t kMaxParameters = 32;

// Names and values in their order, decoded as forms are (application/x-www-form-urlencoded). Fails
// if there are too many, or one stands there twice.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace sonde
