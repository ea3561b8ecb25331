// SPDX-License-Identifier: Apache-2.0
// MappedCode: what of a process's addresses is executable, and which file's it is. Built once,
// then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpf/shared/unwind.h"

namespace sonde {

// As the kernel side has it.
using CodeMapping = sonde_code;

// Mappings of one process; those beyond are left out.
constexpr size_t kMaxCodeMappings = 65536;

class MappedCode {
 public:
  // In any order; where two overlap the one that begins later is found.
  explicit MappedCode(std::vector<CodeMapping> mappings);

  // Null: nothing executable is there.
  const CodeMapping* find(uint64_t address) const;
  const std::vector<CodeMapping>& all() const { return mappings_; }

 private:
  std::vector<CodeMapping> mappings_;
};

}  // namespace sonde
