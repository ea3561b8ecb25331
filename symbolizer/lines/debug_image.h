// SPDX-License-Identifier: Apache-2.0
// DebugImage: the debug sections of an ELF file that lines are made of, put together in memory as
// an ELF file of their own, which is what libdw is given. So libdw opens no file that another one
// names (split units, dwz's alternate file), and sections that nobody needs are never read.
//
// Sections are mapped, those that are compressed are unpacked into a scratch file and mapped from
// there: what is not looked at just then takes no memory, and release() gives back all of it. A
// file that is cut meanwhile is a SIGBUS: this is for a process that may die, never for the
// collector.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "symbolizer/symbols/code_ranges.h"
#include "userspace/base/result.h"

namespace sonde {

// Where there is room to unpack: a file that may be written from `at` on.
struct Scratch {
  int fd;
  uint64_t at;
};

class DebugImage {
 public:
  static constexpr uint64_t kMaxBytes = 3ull << 30;     // all sections together
  static constexpr uint64_t kMaxUnpacked = 1ull << 30;  // of those what was compressed

  // Moves scratch.at behind what it took.
  static Result<DebugImage> open(int fd, Scratch& scratch);

  std::span<char> bytes() const { return {memory_.get(), memory_.get_deleter().size}; }
  uint64_t line_bytes() const { return line_bytes_; }  // of .debug_line

  // Pages that were read are read again when they are needed.
  void release() const;

  const std::vector<CodeRange>& code() const { return code_; }

 private:
  struct Unmap {
    size_t size;
    void operator()(char* memory) const;
  };

  DebugImage() : memory_(nullptr, Unmap{0}) {}

  std::unique_ptr<char, Unmap> memory_;
  size_t head_ = 0;  // bytes of it that are no file's
  uint64_t line_bytes_ = 0;
  std::vector<CodeRange> code_;
};

}  // namespace sonde
