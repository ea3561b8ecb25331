// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/cfa_expression.h"

#include <array>
#include <optional>

#include "symbolizer/unwind/encoded_pointer.h"

namespace sonde {
namespace {

// DWARF 5, section 7.7.1.
enum Op : uint8_t {
  kDeref = 0x06,
  kAnd = 0x1a,
  kPlus = 0x22,
  kPlusUconst = 0x23,
  kShl = 0x24,
  kGe = 0x2a,
  kLit0 = 0x30,
  kLit3 = 0x33,
  kLit15 = 0x3f,
  kLit31 = 0x4f,
  kBreg0 = 0x70,
  kBreg31 = 0x8f,
};

constexpr uint8_t kX86StackPointer = 7;
constexpr uint8_t kX86Instruction = 16;

struct BaseRegister {
  uint32_t reg;
  int64_t offset;
};

std::optional<BaseRegister> take_base(Bytes& at) {
  uint8_t op = 0;
  if (!at.read(op) || op < kBreg0 || op > kBreg31) {
    return std::nullopt;
  }
  const std::optional<int64_t> offset = read_sleb(at);
  if (!offset) {
    return std::nullopt;
  }
  return BaseRegister{.reg = static_cast<uint32_t>(op - kBreg0), .offset = *offset};
}

// What may follow: an addition of a constant. False: something else does.
bool take_addition(Bytes& at, int64_t& added) {
  uint8_t op = 0;
  if (!at.read(op)) {
    return true;
  }
  if (op == kPlusUconst) {
    const std::optional<uint64_t> value = read_uleb(at);
    added = static_cast<int64_t>(value.value_or(0));
    return value && at.empty();
  }
  uint8_t plus = 0;
  if (op >= kLit0 && op <= kLit31 && at.read(plus) && plus == kPlus) {
    added = op - kLit0;
    return at.empty();
  }
  return false;
}

// Linkers: rsp + 8 + ((rip & 15) >= n) << 3.
std::optional<uint8_t> plt_push(std::span<const uint8_t> expression) {
  constexpr size_t kPushAt = 6;
  constexpr std::array<uint8_t, 11> kShape = {kBreg0 + kX86StackPointer,
                                              8,
                                              kBreg0 + kX86Instruction,
                                              0,
                                              kLit15,
                                              kAnd,
                                              kLit0,
                                              kGe,
                                              kLit3,
                                              kShl,
                                              kPlus};
  if (expression.size() != kShape.size()) {
    return std::nullopt;
  }
  for (size_t i = 0; i < kShape.size(); i++) {
    if (i != kPushAt && expression[i] != kShape[i]) {
      return std::nullopt;
    }
  }
  const uint8_t literal = expression[kPushAt];
  if (literal < kLit0 || literal > kLit15) {
    return std::nullopt;
  }
  return static_cast<uint8_t>(literal - kLit0);
}

}  // namespace

CfiCfa recognise_cfa(std::span<const uint8_t> expression) {
  if (const std::optional<uint8_t> push = plt_push(expression)) {
    return {.kind = CfiCfa::kPlt, .reg = kX86StackPointer, .offset = *push, .added = 0};
  }
  const CfiCfa unknown{.kind = CfiCfa::kUnknown};
  Bytes at(expression);
  const std::optional<BaseRegister> base = take_base(at);
  if (!base) {
    return unknown;
  }
  CfiCfa out{.kind = CfiCfa::kRegister, .reg = base->reg, .offset = base->offset, .added = 0};
  uint8_t op = 0;
  if (!at.read(op)) {
    return out;
  }
  out.kind = CfiCfa::kDeref;
  return op == kDeref && take_addition(at, out.added) ? out : unknown;
}

CfiPlace recognise_place(std::span<const uint8_t> expression) {
  Bytes at(expression);
  const std::optional<BaseRegister> base = take_base(at);
  if (!base || !at.empty()) {
    return {.kind = CfiPlace::kUnknown};
  }
  return {.kind = CfiPlace::kAtRegister, .reg = base->reg, .offset = base->offset};
}

}  // namespace sonde
