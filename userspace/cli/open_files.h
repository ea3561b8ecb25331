// SPDX-License-Identifier: Apache-2.0
// How many files this process may have open: the kernel side, its links and every scrape need some.
#pragma once

#include <cstdint>
#include <string>

namespace sonde::cli {

// Some 50 in all quiet, one for each scrape at once, and room for what /proc is read by.
constexpr uint64_t kFilesNeeded = 160;

// Raises the limit as far as this process may. Text for stderr if that is not enough; else empty.
std::string too_few_files();

}  // namespace sonde::cli
