// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/cfi_state.h"

#include <limits>

namespace sonde {
namespace {

constexpr sonde_rule kInvalid{SONDE_CFA_INVALID, 0, 0, 0};
constexpr sonde_rule kStop{SONDE_CFA_STOP, 0, 0, 0};
constexpr sonde_rule kSignal{SONDE_CFA_SIGNAL, 0, 0, 0};

constexpr int64_t kX86CallSlot = -8;
// Offset of the stack pointer in the kernel's frame of a signal, from the stack pointer of who
// returns from it: what all C libraries' expressions for it begin with.
constexpr int64_t kX86SignalStackPointer = 160;

template <typename T>
bool fits(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// False: no rule says it.
bool set_cfa(const CfiCfa& cfa, const CfiRegisters& registers, sonde_rule& out) {
  const bool by_stack = cfa.reg == registers.stack_pointer;
  const bool by_frame = cfa.reg == registers.frame_pointer;
  switch (cfa.kind) {
    case CfiCfa::kRegister:
      if (!fits<sonde_s32>(cfa.offset) || cfa.reg >= SONDE_CFA_REGISTER) {
        return false;
      }
      out.cfa = static_cast<sonde_u8>(SONDE_CFA_REGISTER + cfa.reg);
      if (by_stack || by_frame) {
        out.cfa = by_stack ? SONDE_CFA_SP : SONDE_CFA_FP;
      }
      out.cfa_offset = static_cast<sonde_s32>(cfa.offset);
      return true;
    case CfiCfa::kDeref:
      if ((!by_stack && !by_frame) || !fits<sonde_s16>(cfa.offset) || !fits<sonde_s16>(cfa.added)) {
        return false;
      }
      out.cfa = by_stack ? SONDE_CFA_SP_DEREF : SONDE_CFA_FP_DEREF;
      out.cfa_offset = static_cast<sonde_s32>(static_cast<uint32_t>(cfa.added) << 16 |
                                              static_cast<uint16_t>(cfa.offset));
      return true;
    case CfiCfa::kPlt:
      out.cfa = SONDE_CFA_PLT;
      out.cfa_offset = static_cast<sonde_s32>(cfa.offset);
      return true;
    default:
      return false;
  }
}

enum sonde_fp set_frame_pointer(const CfiPlace& place, const CfiRegisters& registers,
                                sonde_rule& out) {
  switch (place.kind) {
    case CfiPlace::kUnset:
    case CfiPlace::kSame:
      return SONDE_FP_SAME;
    case CfiPlace::kAtCfa:
    case CfiPlace::kAtRegister:
      if (!fits<sonde_s16>(place.offset) ||
          (place.kind == CfiPlace::kAtRegister && place.reg != registers.frame_pointer)) {
        return SONDE_FP_UNDEFINED;
      }
      out.offset = static_cast<sonde_s16>(place.offset);
      return place.kind == CfiPlace::kAtCfa ? SONDE_FP_AT_CFA : SONDE_FP_AT_FP;
    case CfiPlace::kRegister:
      return place.reg == registers.frame_pointer ? SONDE_FP_SAME : SONDE_FP_UNDEFINED;
    default:
      return SONDE_FP_UNDEFINED;
  }
}

// False: no rule says it.
bool set_return_address(const CfiPlace& place, enum sonde_fp fp, Machine machine, sonde_rule& out,
                        enum sonde_ra& ra) {
  const bool offset_free = fp != SONDE_FP_AT_CFA && fp != SONDE_FP_AT_FP;
  CfiPlace from = place;
  if (machine == Machine::kArm64 &&
      (place.kind == CfiPlace::kUnset || place.kind == CfiPlace::kSame)) {
    from = {.kind = CfiPlace::kRegister, .reg = registers_of(machine).return_address};
  }
  if (from.kind == CfiPlace::kAtCfa) {
    if (machine == Machine::kX86 && from.offset == kX86CallSlot) {
      ra = SONDE_RA_AT_CALL;
      return true;
    }
    if (fp == SONDE_FP_AT_CFA && from.offset == int64_t{out.offset} + 8) {
      ra = SONDE_RA_BESIDE_FP;
      return true;
    }
    if (!offset_free || !fits<sonde_s16>(from.offset)) {
      return false;
    }
    ra = SONDE_RA_AT_CFA;
    out.offset = static_cast<sonde_s16>(from.offset);
    return true;
  }
  if (from.kind != CfiPlace::kRegister || !offset_free || !fits<sonde_s16>(from.reg)) {
    return false;
  }
  ra = SONDE_RA_REGISTER;
  out.offset = static_cast<sonde_s16>(from.reg);
  return true;
}

bool is_outermost(const CfiPlace& return_address, Machine machine) {
  return return_address.kind == CfiPlace::kUndefined ||
         (machine == Machine::kX86 &&
          (return_address.kind == CfiPlace::kUnset || return_address.kind == CfiPlace::kSame));
}

}  // namespace

sonde_rule rule_of(const CfiState& state, bool signal_frame, Machine machine) {
  const CfiCfa& cfa = state.cfa;
  const CfiRegisters registers = registers_of(machine);
  if (is_outermost(state.return_address, machine)) {
    return kStop;
  }
  if (signal_frame && machine == Machine::kX86 && cfa.kind == CfiCfa::kDeref &&
      cfa.reg == registers.stack_pointer && cfa.offset == kX86SignalStackPointer) {
    return kSignal;
  }
  sonde_rule out{};
  if (!set_cfa(cfa, registers, out)) {
    return kInvalid;
  }
  const enum sonde_fp fp = set_frame_pointer(state.frame_pointer, registers, out);
  enum sonde_ra ra = SONDE_RA_AT_CALL;
  if (!set_return_address(state.return_address, fp, machine, out, ra)) {
    return kInvalid;
  }
  out.saved = static_cast<sonde_u8>(SONDE_SAVED(fp, ra, signal_frame ? 1 : 0));
  return out;
}

}  // namespace sonde
