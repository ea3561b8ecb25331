// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "userspace/config/config.h"
#include "userspace/extraction/extractor.h"

namespace sonde::cli {

// The process that reads files for their symbols, before any thread runs. None: it was told why.
std::optional<Extractor> start_extractor(const SymbolsConfig& config);

// On standard error, what became of asking servers for debug files; nothing if none was asked.
void tell_fetched(const ExtractionCounts& counts);

}  // namespace sonde::cli
