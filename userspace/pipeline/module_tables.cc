// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/module_tables.h"

#include <fcntl.h>
#include <fmt/core.h>

namespace sonde {
namespace {

template <typename Table>
Result<Table> table_of(const Module& module, Extractor& extractor, uint16_t seconds) {
  if (!module.file.ok()) {
    return fail("no file");
  }
  // A process that is gone has no root, and its number may be another's by now: what is found there
  // must be of the same build all the same.
  const std::string path = fmt::format("/proc/{}/root", static_cast<uint32_t>(module.pid));
  const Fd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return Table::of(extractor, {.seconds = seconds,
                               .build_id = module.build_id,
                               .path = module.path,
                               .file = module.file.get(),
                               .root = root.get()});
}

}  // namespace

Result<FileSymbols> symbols_of(const Module& module, Extractor& extractor) {
  return table_of<FileSymbols>(module, extractor, 0);
}

Result<FileLines> lines_of(const Module& module, Extractor& extractor, uint16_t seconds) {
  return table_of<FileLines>(module, extractor, seconds);
}

}  // namespace sonde
