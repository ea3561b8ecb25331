// SPDX-License-Identifier: Apache-2.0
// GoProgram: a Go program's table, found in its file: by its section's name, else by its first
// bytes, and what stands elsewhere about it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "symbolizer/symbols/go_table.h"
#include "symbolizer/unwind/byte_source.h"
#include "symbolizer/unwind/elf_file.h"
#include "userspace/base/result.h"

namespace sonde {

class GoProgram {
 public:
  static constexpr uint64_t kMaxTable = 256u << 20;

  // What the source reads from must outlive it. Fails if it is no Go program.
  static Result<GoProgram> open(ByteSource source);

  GoTable& table() { return table_; }
  size_t table_bytes() const { return bytes_.size(); }
  const ElfFile& elf() const { return elf_; }

  // One of the calls that were inlined into the function; nothing also where the linker left no
  // addresses in the file, since the loader puts them there (-buildmode=pie).
  std::optional<GoTable::Call> call(const GoTable::Function& function, int32_t number) const;

 private:
  GoProgram(ByteSource source, ElfFile elf) : source_(source), elf_(std::move(elf)) {}

  bool read_table(uint64_t address, uint64_t offset, uint64_t size);
  bool find_by_head();
  bool open_table(uint64_t text_section);
  std::vector<uint64_t> find_module() const;
  std::optional<GoTable::Call> call_at(uint64_t base, const GoTable::Function& function,
                                       int32_t number) const;
  bool are_calls_at(uint64_t base) const;

  ByteSource source_;
  ElfFile elf_;
  std::vector<uint8_t> bytes_;
  uint64_t address_ = 0;  // of the table
  GoTable table_;
  uint64_t calls_ = 0;  // where all inlined calls lie; 0: not known
};

}  // namespace sonde
