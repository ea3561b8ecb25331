// SPDX-License-Identifier: Apache-2.0
// KernelSymbols: which function of the kernel or of a module stands at an address, by
// /proc/kallsyms as it was when it was read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"

namespace sonde {

class KernelSymbols {
 public:
  static constexpr size_t kMaxSymbols = 1u << 20;
  static constexpr size_t kMaxNameBytes = 64u << 20;
  static constexpr size_t kMaxName = 512;
  static constexpr size_t kMaxModules = 4096;
  // kallsyms tells no sizes: a function ends where the next symbol begins, but not farther away.
  static constexpr uint64_t kMaxFunction = 1u << 20;

  struct Found {
    std::string_view name;
    std::string_view module;  // empty: the kernel itself
    uint64_t offset;          // from the function's start
  };

  // Fails with the reason: mostly that the kernel hides its addresses from this process.
  static Result<KernelSymbols> read();
  // By /proc/kallsyms as somebody opened it who may see addresses: who reads it need not.
  static Result<KernelSymbols> read(int kallsyms);
  static Result<KernelSymbols> parse(std::string_view text);

  std::optional<Found> find(uint64_t address) const;
  size_t size() const { return symbols_.size(); }
  uint64_t refused() const { return refused_; }  // lines: malformed, or for a cap

 private:
  struct Symbol {
    uint64_t start;
    uint32_t name;
    uint16_t name_size;  // 0: something that is no function
    uint16_t module;
    uint8_t rank;  // the lowest holds, of several at one address
  };

  bool add(std::string_view line);
  void add_lines(std::string_view text);
  uint16_t module_number(std::string_view name);
  Result<> finish();

  std::vector<Symbol> symbols_;
  std::string names_;
  std::vector<std::string> modules_{""};
  uint64_t refused_ = 0;
  bool hidden_ = true;
};

}  // namespace sonde
