// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/cfi_program.h"

#include "symbolizer/unwind/cfa_expression.h"
#include "symbolizer/unwind/encoded_pointer.h"

namespace sonde {
namespace {

// DWARF 5, section 7.24, and what GNU and arm64 add.
enum Op : uint8_t {
  kAdvance = 0x40,  // these three have their operand in the low six bits
  kOffset = 0x80,
  kRestore = 0xc0,

  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kAdvance8 = 0x1d,
  kNegateRaStateWithPc = 0x2c,
  kNegateRaState = 0x2d,
  kArgsSize = 0x2e,
  kNegativeOffsetExtended = 0x2f,
};

constexpr uint8_t kOperandBits = 0x3f;

template <typename T>
std::optional<uint64_t> read_unsigned(Bytes& at) {
  T value{};
  return at.read(value) ? std::optional<uint64_t>(value) : std::nullopt;
}

}  // namespace

CfiProgram::CfiProgram(const CfiCommon& common, CfiRegisters registers, Bytes instructions,
                       uint64_t where, uint64_t start)
    : common_(common),
      registers_(registers),
      left_(instructions),
      begin_(instructions.data()),
      where_(where),
      row_{.address = start, .state = common.initial},
      state_(common.initial),
      next_address_(start) {}

CfiProgram::Step CfiProgram::next() {
  row_.address = next_address_;
  while (!left_.empty()) {
    const Did did = run_one();
    if (did == Did::kBad) {
      return Step::kBad;
    }
    if (did == Did::kAdvance) {
      row_.state = state_;
      return Step::kRow;
    }
  }
  row_.state = state_;
  return Step::kEnd;
}

CfiProgram::Did CfiProgram::run_one() {
  uint8_t op = 0;
  left_.read(op);
  const uint8_t operand = op & kOperandBits;
  switch (op & ~kOperandBits) {
    case kAdvance:
      return advance(operand);
    case kOffset: {
      const std::optional<uint64_t> offset = read_uleb(left_);
      if (!offset) {
        return Did::kBad;
      }
      set_place(operand, CfiPlace::kAtCfa, scaled(static_cast<int64_t>(*offset)));
      return Did::kNothing;
    }
    case kRestore:
      restore_register(operand);
      return Did::kNothing;
    default:
      return run_extended(op);
  }
}

CfiProgram::Did CfiProgram::run_extended(uint8_t op) {
  switch (op) {
    case kNop:
    case kNegateRaState:  // of arm64, which signs return addresses: they are masked anyway
    case kNegateRaStateWithPc:
      return Did::kNothing;
    case kSetLoc:
      return set_location();
    case kAdvance1:
      return advance(read_unsigned<uint8_t>(left_));
    case kAdvance2:
      return advance(read_unsigned<uint16_t>(left_));
    case kAdvance4:
      return advance(read_unsigned<uint32_t>(left_));
    case kAdvance8:
      return advance(read_unsigned<uint64_t>(left_));
    case kRememberState:
      return remember();
    case kRestoreState:
      return restore();
    case kArgsSize:
      return read_uleb(left_) ? Did::kNothing : Did::kBad;
    case kDefCfa:
    case kDefCfaSf:
    case kDefCfaRegister:
    case kDefCfaOffset:
    case kDefCfaOffsetSf:
    case kDefCfaExpression:
      return run_cfa(op);
    case kExpression:
    case kValExpression:
      return run_register_expression(op);
    default:
      return run_register(op);
  }
}

CfiProgram::Did CfiProgram::run_cfa(uint8_t op) {
  if (op == kDefCfaExpression) {
    const std::optional<std::span<const uint8_t>> expression = take_expression();
    if (!expression) {
      return Did::kBad;
    }
    state_.cfa = recognise_cfa(*expression);
    state_.expression = true;
    return Did::kNothing;
  }
  CfiCfa& plain = state_.plain;
  plain.kind = CfiCfa::kRegister;
  if (op == kDefCfa || op == kDefCfaSf || op == kDefCfaRegister) {
    const std::optional<uint64_t> reg = read_uleb(left_);
    if (!reg || *reg > UINT32_MAX) {
      return Did::kBad;
    }
    plain.reg = static_cast<uint32_t>(*reg);
    state_.expression = false;
  }
  if (op == kDefCfa || op == kDefCfaOffset) {
    const std::optional<uint64_t> offset = read_uleb(left_);
    if (!offset) {
      return Did::kBad;
    }
    plain.offset = static_cast<int64_t>(*offset);
  } else if (op == kDefCfaSf || op == kDefCfaOffsetSf) {
    const std::optional<int64_t> offset = read_sleb(left_);
    if (!offset) {
      return Did::kBad;
    }
    plain.offset = scaled(*offset);
  }
  // An offset alone does not end an expression: readelf has it so too.
  if (!state_.expression) {
    state_.cfa = plain;
  }
  return Did::kNothing;
}

CfiProgram::Did CfiProgram::run_register(uint8_t op) {
  const std::optional<uint64_t> reg = read_uleb(left_);
  if (!reg) {
    return Did::kBad;
  }
  std::optional<int64_t> operand = 0;
  switch (op) {
    case kRestoreExtended:
      restore_register(*reg);
      return Did::kNothing;
    case kUndefined:
      set_place(*reg, CfiPlace::kUndefined);
      return Did::kNothing;
    case kSameValue:
      set_place(*reg, CfiPlace::kSame);
      return Did::kNothing;
    case kOffsetExtended:
    case kRegister:
    case kValOffset:
    case kNegativeOffsetExtended:
      operand = read_uleb(left_);
      break;
    case kOffsetExtendedSf:
    case kValOffsetSf:
      operand = read_sleb(left_);
      break;
    default:
      return Did::kBad;
  }
  if (!operand) {
    return Did::kBad;
  }
  if (op == kRegister) {
    set_place(*reg, CfiPlace::kRegister, 0, static_cast<uint64_t>(*operand));
  } else if (op == kValOffset || op == kValOffsetSf) {
    set_place(*reg, CfiPlace::kUnknown);
  } else if (op == kNegativeOffsetExtended) {
    set_place(*reg, CfiPlace::kAtCfa,
              scaled(static_cast<int64_t>(-static_cast<uint64_t>(*operand))));
  } else {
    set_place(*reg, CfiPlace::kAtCfa, scaled(*operand));
  }
  return Did::kNothing;
}

CfiProgram::Did CfiProgram::run_register_expression(uint8_t op) {
  const std::optional<uint64_t> reg = read_uleb(left_);
  const std::optional<std::span<const uint8_t>> expression = take_expression();
  if (!reg || !expression) {
    return Did::kBad;
  }
  if (CfiPlace* place = place_of(state_, *reg)) {
    *place =
        op == kExpression ? recognise_place(*expression) : CfiPlace{.kind = CfiPlace::kUnknown};
  }
  return Did::kNothing;
}

CfiProgram::Did CfiProgram::advance(std::optional<uint64_t> delta) {
  if (!delta) {
    return Did::kBad;
  }
  next_address_ += *delta * common_.code_alignment;
  // Back is nowhere: rows only ascend.
  return next_address_ < row_.address ? Did::kBad : Did::kAdvance;
}

CfiProgram::Did CfiProgram::set_location() {
  const uint64_t here = where_ + static_cast<uint64_t>(left_.data() - begin_);
  const std::optional<uint64_t> address =
      read_pointer(left_, common_.pointer_encoding, {.here = here});
  if (!address || *address < row_.address) {
    return Did::kBad;
  }
  next_address_ = *address;
  return Did::kAdvance;
}

CfiProgram::Did CfiProgram::remember() {
  if (depth_ == remembered_.size()) {
    return Did::kBad;
  }
  remembered_[depth_++] = state_;
  return Did::kNothing;
}

CfiProgram::Did CfiProgram::restore() {
  if (depth_ == 0) {
    return Did::kBad;
  }
  state_ = remembered_[--depth_];
  return Did::kNothing;
}

CfiPlace* CfiProgram::place_of(CfiState& state, uint64_t reg) const {
  return reg == registers_.frame_pointer  ? &state.frame_pointer
         : reg == common_.return_register ? &state.return_address
                                          : nullptr;
}

void CfiProgram::set_place(uint64_t reg, CfiPlace::Kind kind, int64_t offset, uint64_t in) {
  if (CfiPlace* place = place_of(state_, reg)) {
    *place = {.kind = kind,
              .reg = static_cast<uint32_t>(in > UINT32_MAX ? UINT32_MAX : in),
              .offset = offset};
  }
}

void CfiProgram::restore_register(uint64_t reg) {
  if (CfiPlace* place = place_of(state_, reg)) {
    CfiState initial = common_.initial;
    *place = *place_of(initial, reg);
  }
}

std::optional<std::span<const uint8_t>> CfiProgram::take_expression() {
  const std::optional<uint64_t> size = read_uleb(left_);
  const auto bytes = size ? left_.take(*size) : std::nullopt;
  if (!bytes) {
    return std::nullopt;
  }
  return std::span(reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size());
}

// Wraps around for hostile operands, as the CPU would.
int64_t CfiProgram::scaled(int64_t offset) const {
  return static_cast<int64_t>(static_cast<uint64_t>(offset) *
                              static_cast<uint64_t>(common_.data_alignment));
}

}  // namespace sonde
