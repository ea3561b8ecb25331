// SPDX-License-Identifier: Apache-2.0
// Files that a command writes what it made to.
#pragma once

#include <string>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::cli {

inline constexpr std::string_view kStandardOutput = "-";

// Made, or emptied. To be opened before the work: it would be a pity to find out afterwards.
Result<Fd> open_output(const std::string& path);

// path: for the message.
Result<> write_all(const Fd& file, const std::string& path, std::string_view bytes);

}  // namespace sonde::cli
