// SPDX-License-Identifier: Apache-2.0
// CfiProgram: runs the instructions of one function's call frame information (DWARF 5, section
// 6.4.2), row by row. No recursion; each step consumes bytes, so a program ends with them.
#pragma once

#include <array>
#include <span>

#include "symbolizer/unwind/cfi_state.h"
#include "userspace/base/bytes.h"

namespace sonde {

// What the functions of one CIE have in common.
struct CfiCommon {
  uint64_t code_alignment = 1;
  int64_t data_alignment = 1;
  uint32_t return_register = 0;
  uint8_t pointer_encoding = 0;  // of addresses in its functions' entries
  bool has_augmentation_data = false;
  bool signal_frame = false;
  bool sound = false;  // else nothing of it can be believed
  CfiState initial;
};

// Remembered states; compilers nest them once or twice.
constexpr size_t kMaxRemembered = 32;

class CfiProgram {
 public:
  enum class Step {
    kRow,  // row() holds up to the next row's address
    kEnd,  // row() holds up to the function's end
    kBad,  // nothing is known from row()'s address on
  };

  struct Row {
    uint64_t address;
    CfiState state;
  };

  // common must stay; where: the address of the instructions' first byte, for relative pointers.
  CfiProgram(const CfiCommon& common, CfiRegisters registers, Bytes instructions, uint64_t where,
             uint64_t start);

  Step next();
  const Row& row() const { return row_; }

 private:
  // kRow: the address moves on by advance_.
  enum class Did { kNothing, kAdvance, kBad };

  Did run_one();
  Did run_extended(uint8_t op);
  Did run_cfa(uint8_t op);
  Did run_register(uint8_t op);
  Did run_register_expression(uint8_t op);
  Did advance(std::optional<uint64_t> delta);
  Did set_location();
  Did remember();
  Did restore();

  // The place that is followed for a register; null: none is.
  CfiPlace* place_of(CfiState& state, uint64_t reg) const;
  void set_place(uint64_t reg, CfiPlace::Kind kind, int64_t offset = 0, uint64_t in = 0);
  void restore_register(uint64_t reg);
  std::optional<std::span<const uint8_t>> take_expression();
  int64_t scaled(int64_t offset) const;

  const CfiCommon& common_;
  CfiRegisters registers_;
  Bytes left_;
  const uint8_t* begin_;
  uint64_t where_;
  Row row_;
  CfiState state_;  // as of next_address_
  uint64_t next_address_;
  std::array<CfiState, kMaxRemembered> remembered_;
  size_t depth_ = 0;
};

}  // namespace sonde
