// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "userspace/extraction/extractor.h"

namespace sonde::cli {

// The process that reads files for their symbols, before any thread runs. None: it was told why.
std::optional<Extractor> start_extractor();

}  // namespace sonde::cli
