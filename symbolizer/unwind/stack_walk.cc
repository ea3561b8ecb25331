// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/stack_walk.h"

#include <array>

#include "symbolizer/unwind/cfi_state.h"

namespace sonde {
namespace {

#if defined(__aarch64__)
constexpr CfiRegisters kRegisters = registers_of(Machine::kArm64);
#else
constexpr CfiRegisters kRegisters = registers_of(Machine::kX86);
#endif

sonde_rule rule_for(uint64_t address, const MappedCode& code, RowSource& rows) {
  const CodeMapping* mapping = code.find(address);
  const RowsView* view =
      mapping != nullptr && mapping->file != SONDE_NO_FILE ? rows.rows_of(mapping->file) : nullptr;
  return view != nullptr ? view->rule_at(address - mapping->bias) : sonde_rule{};
}

}  // namespace

std::string_view name_of(sonde_step step) {
  constexpr std::array<std::string_view, SONDE_STEP_KINDS> kNames = {
#define X(name) #name,
      SONDE_STEPS(X)
#undef X
  };
  return step < SONDE_STEP_KINDS ? kNames[step] : "unknown";
}

WalkedStack walk_stack(const StackCopy& stack, const MappedCode& code, RowSource& rows) {
  sonde_frame frame{};
  frame.pc = stack.pc;
  frame.sp = stack.registers[kRegisters.stack_pointer];
  frame.fp = stack.registers[kRegisters.frame_pointer];
  frame.exact = 1;
  frame.innermost = 1;
  return walk_stack_from(frame, stack, code, rows);
}

WalkedStack walk_stack_from(sonde_frame frame, const StackCopy& stack, const MappedCode& code,
                            RowSource& rows) {
  WalkedStack out;
  while (out.frames.size() < kMaxWalkedFrames) {
    const uint64_t at = code_of(frame);
    const sonde_rule rule = rule_for(at, code, rows);
    // Nobody called the trampoline: its first byte is where it stands.
    out.frames.push_back(rule.cfa == SONDE_CFA_SIGNAL ? frame.pc : at);
    sonde_step step = step_on_copy(stack, code, rule, frame);
    if (step == SONDE_STEP_no_rule) {
      // Why a guess fails says nothing of the stack: what stays is that nothing is known.
      step = step_on_copy_by_fp(stack, code, frame) == SONDE_STEP_caller ? SONDE_STEP_caller
                                                                         : SONDE_STEP_no_rule;
      out.guessed += step == SONDE_STEP_caller ? 1 : 0;
    }
    if (step == SONDE_STEP_caller && code.find(code_of(frame)) == nullptr) {
      step = SONDE_STEP_no_code;
    }
    if (step != SONDE_STEP_caller) {
      out.end = step;
      return out;
    }
  }
  return out;
}

}  // namespace sonde
