// SPDX-License-Identifier: Apache-2.0
// CfiState: what call frame information says of one instruction, as far as unwinding follows it:
// the CFA, the caller's frame pointer, its return address. And what a rule can say of that.
#pragma once

#include <cstdint>

#include "bpf/shared/unwind.h"
#include "symbolizer/unwind/elf_file.h"

namespace sonde {

// Where something is. Expressions are recognised by their shape (cfa_expression.h), the others are
// kUnknown.
struct CfiPlace {
  enum Kind : uint8_t {
    kUnset,       // not mentioned: as it was
    kSame,        // as it was, explicitly
    kUndefined,   // gone
    kAtCfa,       // saved at CFA + offset
    kAtRegister,  // saved at reg + offset
    kRegister,    // in reg
    kUnknown,
  };
  Kind kind = kUnset;
  uint32_t reg = 0;
  int64_t offset = 0;
};

struct CfiCfa {
  enum Kind : uint8_t {
    kUnset,
    kRegister,  // reg + offset
    kDeref,     // what stands at reg + offset, plus added
    kPlt,       // stack pointer + 8, and 8 more from byte offset of 16 on
    kUnknown,
  };
  Kind kind = kUnset;
  uint32_t reg = 0;
  int64_t offset = 0;
  int64_t added = 0;
};

struct CfiState {
  CfiCfa cfa;
  CfiCfa plain;  // register and offset as they were last said: an expression hides them, no more
  bool expression = false;
  CfiPlace frame_pointer;
  CfiPlace return_address;
};

// DWARF's numbers of the registers that unwinding follows.
struct CfiRegisters {
  uint32_t stack_pointer;
  uint32_t frame_pointer;
  uint32_t return_address;  // a pseudo register, or the link register
};

constexpr CfiRegisters registers_of(Machine machine) {
  return machine == Machine::kX86
             ? CfiRegisters{.stack_pointer = 7, .frame_pointer = 6, .return_address = 16}
             : CfiRegisters{.stack_pointer = 31, .frame_pointer = 29, .return_address = 30};
}

// The rule that says it; SONDE_CFA_INVALID if none can. signal_frame: the state is of a function
// that was not called (augmentation 'S').
sonde_rule rule_of(const CfiState& state, bool signal_frame, Machine machine);

constexpr bool operator==(const sonde_rule& a, const sonde_rule& b) {
  return a.cfa == b.cfa && a.saved == b.saved && a.offset == b.offset &&
         a.cfa_offset == b.cfa_offset;
}

}  // namespace sonde
