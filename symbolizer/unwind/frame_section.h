// SPDX-License-Identifier: Apache-2.0
// FrameSection: the functions that .eh_frame or .debug_frame describes, entry after entry. What is
// said of all entries of a kind (CIE) is parsed once. An entry that is wrong is passed over; a
// length that is wrong ends the section, as nothing tells where the next entry begins.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "symbolizer/unwind/cached_bytes.h"
#include "symbolizer/unwind/cfi_program.h"

namespace sonde {

class FrameSection {
 public:
  enum class Kind { kEhFrame, kDebugFrame };

  struct Function {
    uint64_t begin;
    uint64_t end;
    uint64_t entry;  // its offset in the section
  };

  // How a function is unwound; borrowed from the section until its next call.
  struct Program {
    const CfiCommon& common;
    Bytes instructions;
    uint64_t where;  // address of the first instruction of them
  };

  // The section must lie within the file.
  FrameSection(const ElfFile& file, const ElfSection& section, Kind kind);

  // Nothing: that was the last.
  std::optional<Function> next();
  std::optional<Program> program(const Function& function);

  // Entries that were passed over.
  uint64_t unsound() const { return unsound_; }

 private:
  struct Entry {
    uint64_t offset;  // of what follows the length
    uint64_t end;
    bool wide;  // DWARF's 64-bit form
  };
  struct Described {
    Function function;
    const CfiCommon* common;
    Bytes instructions;
    uint64_t where;
  };

  std::optional<Entry> entry_at(uint64_t offset);
  std::optional<uint64_t> id_of(const Entry& entry, Bytes& body);
  bool is_common(const Entry& entry, uint64_t id) const;
  std::optional<Described> describe(uint64_t offset, const Entry& entry);
  const CfiCommon* common_at(uint64_t offset);
  bool parse_common(Bytes body, const uint8_t* begin, uint64_t address, CfiCommon& out) const;
  bool parse_augmentation(std::string_view letters, Bytes data, const uint8_t* begin,
                          uint64_t address, CfiCommon& out) const;

  CachedBytes bytes_;
  Kind kind_;
  uint64_t address_;
  CfiRegisters registers_;
  uint64_t at_ = 0;
  uint64_t unsound_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<CfiCommon>> commons_;
};

}  // namespace sonde
