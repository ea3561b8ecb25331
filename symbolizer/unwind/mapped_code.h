// SPDX-License-Identifier: Apache-2.0
// MappedCode: what of a process's addresses is executable, and which file's it is. Built once,
// then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sonde {

// Code that belongs to no file: made at run time.
constexpr uint32_t kNoFile = UINT32_MAX;

struct CodeMapping {
  uint64_t begin;
  uint64_t end;
  uint64_t bias;  // what to take from an address for that of the file
  uint32_t file;  // the caller's number for it
};

// Mappings of one process; those beyond are left out.
constexpr size_t kMaxCodeMappings = 65536;

class MappedCode {
 public:
  // In any order; where two overlap the one that begins later is found.
  explicit MappedCode(std::vector<CodeMapping> mappings);

  // Null: nothing executable is there.
  const CodeMapping* find(uint64_t address) const;

 private:
  std::vector<CodeMapping> mappings_;
};

}  // namespace sonde
