// SPDX-License-Identifier: Apache-2.0
// The walker (bpf/unwind/walker.h) in user space: on a copied stack and registers.
#pragma once

#include <array>
#include <span>

#include "bpf/shared/unwind.h"
#include "symbolizer/unwind/mapped_code.h"

namespace sonde {

// DWARF's numbers; those that the machine does not have are never asked for.
constexpr size_t kWalkRegisters = 32;

// A thread as it stood. Bytes are borrowed.
struct StackCopy {
  std::array<uint64_t, kWalkRegisters> registers;
  uint64_t pc;
  uint64_t address;  // of the first byte
  std::span<const uint8_t> bytes;
};

// Which of a page's rows holds at an address of it. REQUIRES: the page has rows, the first at 0.
size_t find_row(std::span<const sonde_row> rows, uint16_t lo);

sonde_step step_on_copy(const StackCopy& stack, const MappedCode& code, const sonde_rule& rule,
                        sonde_frame& frame);
sonde_step step_on_copy_by_fp(const StackCopy& stack, const MappedCode& code, sonde_frame& frame);

// Where the frame's code is.
uint64_t code_of(const sonde_frame& frame);

}  // namespace sonde
