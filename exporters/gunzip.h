// SPDX-License-Identifier: Apache-2.0
// What a gzip file holds, as far as it is not larger than somebody wants it.
#pragma once

#include <string>
#include <string_view>

#include "userspace/base/result.h"

namespace sonde {

bool is_gzip(std::string_view bytes);

// All members of the file. Fails if they hold more than `most` bytes, or do not end.
Result<std::string> gunzip(std::string_view bytes, size_t most);

}  // namespace sonde
