// SPDX-License-Identifier: Apache-2.0
// The tables of a module's file, as extraction gives them.
#pragma once

#include "userspace/extraction/file_table.h"
#include "userspace/pipeline/module_table.h"

namespace sonde {

// Waits. Fails if there is no file, or nobody could make a table of it.
Result<FileSymbols> symbols_of(const Module& module, Extractor& extractor);
// So many seconds at most; 0: as long as extraction allows. Without a line: the file tells of none.
Result<FileLines> lines_of(const Module& module, Extractor& extractor, uint16_t seconds = 0);

}  // namespace sonde
