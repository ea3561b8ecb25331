// SPDX-License-Identifier: Apache-2.0
// SymbolTable: the functions of one file by where they stand in it, as bytes that can lie in a file
// of ours and be used as they are. Such a file is an input like any other: it is checked once,
// when it is opened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"

namespace sonde {

struct FunctionSymbol {
  uint64_t start = 0;  // in the file
  uint64_t size = 0;   // 0: up to the next one
  std::string name;
  uint8_t rank = 0;  // the lowest holds, of several at one start: global, weak, local
};

class SymbolTable {
 public:
  static constexpr size_t kMaxSymbols = 4u << 20;
  static constexpr size_t kMaxNameBytes = 256u << 20;
  static constexpr size_t kMaxName = 4096;  // the rest of a name is cut

  struct Found {
    std::string_view name;
    uint64_t offset;  // from the function's start
  };

  // What does not fit is left out.
  static std::string encode(std::vector<FunctionSymbol> symbols);

  // `bytes` are borrowed. Fails unless they are a table, whole and unchanged.
  static Result<SymbolTable> over(std::string_view bytes);

  std::optional<Found> find(uint64_t file_offset) const;
  size_t size() const { return starts_.size() / sizeof(uint32_t); }

 private:
  uint32_t start(size_t i) const;

  std::string_view starts_;  // u32 each, rising
  std::string_view ends_;    // u32 each
  std::string_view places_;  // u32 each: where the name begins in names_, a zero byte at its end
  std::string_view names_;
};

}  // namespace sonde
