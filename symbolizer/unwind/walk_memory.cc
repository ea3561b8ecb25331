// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/walk_memory.h"

#include <cstring>

namespace sonde {
namespace {

struct Target {
  const StackCopy& stack;
  const MappedCode& code;
};

// 0: done, as the walker has it.
int read_memory(const void* from, void* to, size_t size, uint64_t address) {
  const StackCopy& stack = static_cast<const Target*>(from)->stack;
  if (address < stack.address || address - stack.address > stack.bytes.size() ||
      size > stack.bytes.size() - (address - stack.address)) {
    return -1;
  }
  std::memcpy(to, stack.bytes.data() + (address - stack.address), size);
  return 0;
}

int read_register(const void* from, uint32_t number, uint64_t* to) {
  const StackCopy& stack = static_cast<const Target*>(from)->stack;
  if (number >= stack.registers.size()) {
    return -1;
  }
  *to = stack.registers[number];
  return 0;
}

bool is_code(const void* from, uint64_t pc) {
  return static_cast<const Target*>(from)->code.find(pc) != nullptr;
}

uint16_t row_lo(std::span<const sonde_row> rows, size_t index) {
  return index < rows.size() ? rows[index].lo : UINT16_MAX;
}

}  // namespace
}  // namespace sonde

#define SONDE_READ_MEMORY(from, to, size, address) sonde::read_memory(from, to, size, address)
#define SONDE_READ_REGISTER(from, number, to) sonde::read_register(from, number, to)
#define SONDE_IS_CODE(from, pc) sonde::is_code(from, pc)
#define SONDE_ROW_LO(rows, index) sonde::row_lo(rows, index)
#include "bpf/unwind/walker.h"

namespace sonde {

size_t find_row(std::span<const sonde_row> rows, uint16_t lo) {
  sonde_row_search search{};
  sonde_begin_row_search(&search, 0, static_cast<uint32_t>(rows.size()), lo);
  SONDE_FIND_ROW(&search, rows);
  return search.at;
}

sonde_step step_on_copy(const StackCopy& stack, const MappedCode& code, const sonde_rule& rule,
                        sonde_frame& frame) {
  Target target{.stack = stack, .code = code};
  return sonde_step_by_rule(&target, &rule, &frame);
}

sonde_step step_on_copy_by_fp(const StackCopy& stack, const MappedCode& code, sonde_frame& frame) {
  Target target{.stack = stack, .code = code};
  return sonde_step_by_fp(&target, &frame, 1);
}

uint64_t code_of(const sonde_frame& frame) { return sonde_code_of(&frame); }

}  // namespace sonde
