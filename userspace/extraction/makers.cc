// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/makers.h"

#include <iterator>

#include "symbolizer/symbols/elf_functions.h"

namespace sonde::extraction {
namespace {

Result<std::string> make_symbols(ByteSource file, const std::optional<ByteSource>& separate) {
  auto functions = read_functions(file, separate);
  if (!functions) {
    return std::unexpected(functions.error());
  }
  return SymbolTable::encode(*std::move(functions));
}

// By TableKind.
constexpr Maker kMakers[] = {{.ending = "sym", .make = make_symbols}};

}  // namespace

const Maker* maker_of(TableKind kind) {
  const auto number = static_cast<size_t>(kind);
  return number < std::size(kMakers) ? &kMakers[number] : nullptr;
}

}  // namespace sonde::extraction
