// SPDX-License-Identifier: Apache-2.0
// The walker's steps on stacks made by hand: each kind of rule, and what hostile memory can do.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "symbolizer/unwind/walk_memory.h"

namespace sonde {
namespace {

constexpr uint64_t kStack = 0x7000'0000;
constexpr uint64_t kCode = 0x40'0000;
constexpr size_t kWords = 80;

// Where the kernel's frame of a signal has the registers of who was interrupted.
#if defined(__aarch64__)
constexpr uint64_t kSignalFp = 544;
constexpr uint64_t kSignalSp = 560;
constexpr uint64_t kSignalPc = 568;
#else
constexpr uint64_t kSignalFp = 120;
constexpr uint64_t kSignalSp = 160;
constexpr uint64_t kSignalPc = 168;
#endif

class WalkerTest : public testing::Test {
 protected:
  // The word at offset bytes from the stack's lowest.
  void put(uint64_t offset, uint64_t value) { words_.at(offset / 8) = value; }

  sonde_step step(const sonde_rule& rule) { return step_on_copy(stack(), code_, rule, frame_); }
  sonde_step step_by_fp() { return step_on_copy_by_fp(stack(), code_, frame_); }

  StackCopy stack() const {
    return {.registers = registers_,
            .pc = frame_.pc,
            .address = kStack,
            .bytes = {reinterpret_cast<const uint8_t*>(words_.data()), words_.size() * 8}};
  }

  static sonde_rule rule(uint8_t cfa, int32_t cfa_offset, int saved = 0, int16_t offset = 0) {
    return {.cfa = cfa,
            .saved = static_cast<sonde_u8>(saved),
            .offset = offset,
            .cfa_offset = cfa_offset};
  }

  void expect_frame(uint64_t pc, uint64_t sp, uint64_t fp) const {
    EXPECT_EQ(frame_.pc, pc);
    EXPECT_EQ(frame_.sp, sp);
    EXPECT_EQ(frame_.fp, fp);
  }

  std::array<uint64_t, kWalkRegisters> registers_{};
  std::vector<uint64_t> words_ = std::vector<uint64_t>(kWords);
  MappedCode code_{{{.begin = kCode, .end = kCode + 0x1000, .bias = kCode, .file = 0, .pad = 0}}};
  sonde_frame frame_{
      .pc = kCode + 7, .sp = kStack, .fp = 0x1234, .exact = 1, .innermost = 1, .reserved = {}};
};

constexpr int kSaved = SONDE_SAVED(SONDE_FP_AT_CFA, SONDE_RA_AT_CALL, 0);

TEST_F(WalkerTest, ByTheStackPointer) {
  put(8, 0x5678);
  put(16, kCode + 100);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 24, kSaved, -16)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 24, 0x5678);
  EXPECT_FALSE(frame_.exact);
  EXPECT_EQ(code_of(frame_), kCode + 99);
}

TEST_F(WalkerTest, ByTheFramePointer) {
  frame_.fp = kStack + 32;
  put(32, 0x5678);
  put(40, kCode + 100);
  EXPECT_EQ(step(rule(SONDE_CFA_FP, 16, kSaved, -16)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 48, 0x5678);
}

TEST_F(WalkerTest, ByAnyRegisterInTheInnermostFrameAlone) {
  registers_[10] = kStack + 16;
  put(8, kCode + 100);
  EXPECT_EQ(step(rule(SONDE_CFA_REGISTER + 10, 0)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 16, 0x1234);
  EXPECT_EQ(step(rule(SONDE_CFA_REGISTER + 10, 0)), SONDE_STEP_no_register);
  expect_frame(kCode + 100, kStack + 16, 0x1234);
  frame_.innermost = 1;
  EXPECT_EQ(step(rule(SONDE_CFA_REGISTER + 127, 0)), SONDE_STEP_no_register);
}

TEST_F(WalkerTest, ReturnAddressInARegister) {
  registers_[5] = kCode + 100;
  const int saved = SONDE_SAVED(SONDE_FP_SAME, SONDE_RA_REGISTER, 0);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 0, saved, 5)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack, 0x1234);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 0, saved, 5)), SONDE_STEP_no_register);
}

TEST_F(WalkerTest, ByWhatStandsOnTheStack) {
  // rsp + 8 holds an address, 8 below the CFA; and from the frame pointer, 8 below it.
  const auto deref = [](int16_t at, int16_t added) {
    return static_cast<int32_t>(static_cast<uint32_t>(added) << 16 | static_cast<uint16_t>(at));
  };
  put(8, kStack + 40);
  put(40, kCode + 100);
  EXPECT_EQ(step(rule(SONDE_CFA_SP_DEREF, deref(8, 8))), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 48, 0x1234);

  frame_.fp = kStack + 64;
  put(56, kStack + 112);
  put(64, 0x5678);
  put(96, kCode + 200);
  EXPECT_EQ(step(rule(SONDE_CFA_FP_DEREF, deref(-8, -8),
                      SONDE_SAVED(SONDE_FP_AT_FP, SONDE_RA_AT_CALL, 0), 0)),
            SONDE_STEP_caller);
  expect_frame(kCode + 200, kStack + 104, 0x5678);
}

TEST_F(WalkerTest, InAStubOfThePlt) {
  put(0, kCode + 100);
  put(8, kCode + 200);
  frame_.pc = kCode + 16 + 10;
  const sonde_frame before = frame_;
  EXPECT_EQ(step(rule(SONDE_CFA_PLT, 11)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 8, 0x1234);
  frame_ = before;
  frame_.pc++;
  EXPECT_EQ(step(rule(SONDE_CFA_PLT, 11)), SONDE_STEP_caller);
  expect_frame(kCode + 200, kStack + 16, 0x1234);
}

TEST_F(WalkerTest, OtherPlacesOfTheReturnAddress) {
  put(8, kCode + 100);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 32, SONDE_SAVED(SONDE_FP_UNDEFINED, SONDE_RA_AT_CFA, 0), -24)),
            SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 32, 0);

  put(48, 0x5678);
  put(56, kCode + 200);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 64, SONDE_SAVED(SONDE_FP_AT_CFA, SONDE_RA_BESIDE_FP, 0), -48)),
            SONDE_STEP_caller);
  expect_frame(kCode + 200, kStack + 96, 0x5678);
}

TEST_F(WalkerTest, ASignalsFrameHoldsAllRegisters) {
  put(kSignalFp, 0x5678);
  put(kSignalSp, 0x1000);  // of another stack, and lower: the handler had its own
  put(kSignalPc, kCode + 300);
  EXPECT_EQ(step(rule(SONDE_CFA_SIGNAL, 0)), SONDE_STEP_caller);
  expect_frame(kCode + 300, 0x1000, 0x5678);
  EXPECT_TRUE(frame_.exact);
  EXPECT_EQ(code_of(frame_), kCode + 300);
}

#if defined(__aarch64__)
TEST_F(WalkerTest, AReturnAddressIsTakenWithoutItsSignature) {
  put(16, (uint64_t{0x7a} << 48) | (kCode + 100));
  const int saved = SONDE_SAVED(SONDE_FP_SAME, SONDE_RA_AT_CFA, 0);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 32, saved, -16)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 32, 0x1234);
}
#endif

TEST_F(WalkerTest, ASignalsFrameThatLeadsNowhere) {
  put(kSignalPc, 0x666);
  EXPECT_EQ(step(rule(SONDE_CFA_SIGNAL, 0)), SONDE_STEP_no_code);
  frame_.sp = kStack + kWords * 8 - 8;
  EXPECT_EQ(step(rule(SONDE_CFA_SIGNAL, 0)), SONDE_STEP_unreadable);
}

TEST_F(WalkerTest, WhereAStackEnds) {
  EXPECT_EQ(step(rule(SONDE_CFA_STOP, 0)), SONDE_STEP_outermost);
  EXPECT_EQ(step(rule(SONDE_CFA_INVALID, 0)), SONDE_STEP_no_rule);
  EXPECT_EQ(step(rule(9, 0)), SONDE_STEP_no_rule);
  EXPECT_EQ(step(rule(SONDE_CFA_SP, 16)), SONDE_STEP_outermost) << "no return address";
}

TEST_F(WalkerTest, AFrameMustLieAboveTheOneBefore) {
  put(0, kCode + 100);
  const auto refused = [&](const sonde_rule& of) {
    const sonde_frame before = frame_;
    const sonde_step ended = step(of);
    EXPECT_EQ(std::memcmp(&before, &frame_, sizeof(before)), 0);
    return ended;
  };
  EXPECT_EQ(refused(rule(SONDE_CFA_SP, 0)), SONDE_STEP_bad_frame);
  EXPECT_EQ(refused(rule(SONDE_CFA_SP, -8)), SONDE_STEP_bad_frame);
  EXPECT_EQ(refused(rule(SONDE_CFA_SP, 12)), SONDE_STEP_bad_frame);
  EXPECT_EQ(refused(rule(SONDE_CFA_SP, SONDE_MAX_FRAME_SIZE)), SONDE_STEP_bad_frame);
  EXPECT_EQ(refused(rule(SONDE_CFA_SP, kWords * 8 + 16)), SONDE_STEP_unreadable);
  frame_.fp = kStack - 16;
  EXPECT_EQ(refused(rule(SONDE_CFA_FP, 16)), SONDE_STEP_bad_frame);
  frame_.sp = UINT64_MAX - 7;
  EXPECT_EQ(refused(rule(SONDE_CFA_SP, 8)), SONDE_STEP_unreadable);
  EXPECT_EQ(refused(rule(SONDE_CFA_SP_DEREF, 8)), SONDE_STEP_unreadable);
}

TEST_F(WalkerTest, ByFramePointersAlone) {
  frame_.fp = kStack + 32;
  put(32, kStack + 32);  // a circle, but the stack pointer goes on
  put(40, kCode + 100);
  EXPECT_EQ(step(rule(SONDE_CFA_FP_ONLY, 0)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 48, kStack + 32);
  EXPECT_EQ(step_by_fp(), SONDE_STEP_bad_frame);
}

// Code that changes stacks keeps the other one's frame pointer; a guess may not go there.
TEST_F(WalkerTest, ByFramePointersToAnotherStack) {
  frame_.sp = kStack + 256;
  frame_.fp = kStack + 32;
  put(40, kCode + 100);
  EXPECT_EQ(step_by_fp(), SONDE_STEP_bad_frame);
  EXPECT_EQ(step(rule(SONDE_CFA_FP_ONLY, 0)), SONDE_STEP_caller);
  expect_frame(kCode + 100, kStack + 48, 0);
}

TEST_F(WalkerTest, AFramePointerThatIsNone) {
  EXPECT_EQ(step_by_fp(), SONDE_STEP_bad_frame);
  frame_.fp = kStack + 4;
  EXPECT_EQ(step_by_fp(), SONDE_STEP_bad_frame);
  frame_.fp = kStack + SONDE_MAX_GUESSED_SIZE;
  EXPECT_EQ(step_by_fp(), SONDE_STEP_bad_frame);
  frame_.fp = kStack + kWords * 8 - 8;
  EXPECT_EQ(step_by_fp(), SONDE_STEP_unreadable);
  frame_.fp = kStack + 8;
  EXPECT_EQ(step_by_fp(), SONDE_STEP_outermost);
  put(16, 0x666);
  EXPECT_EQ(step_by_fp(), SONDE_STEP_no_code);
}

TEST(FindRow, AgreesWithAPlainSearchForEveryCount) {
  std::mt19937 random(1);
  for (size_t count = 1; count < 70'000; count += count < 70 ? 1 : count / 2) {
    std::vector<sonde_row> rows;
    const size_t most = std::min<size_t>(count, SONDE_UNWIND_PAGE_SIZE);
    const size_t stride = SONDE_UNWIND_PAGE_SIZE / most;
    for (size_t i = 0; i < most; i++) {
      rows.push_back({.lo = static_cast<uint16_t>(i * stride), .rule = 0});
    }
    for (int i = 0; i < 300; i++) {
      const auto lo = static_cast<uint16_t>(random());
      size_t expected = 0;
      while (expected + 1 < rows.size() && rows[expected + 1].lo <= lo) {
        expected++;
      }
      ASSERT_EQ(find_row(rows, lo), expected) << count << " rows, " << lo;
    }
    ASSERT_EQ(find_row(rows, UINT16_MAX), rows.size() - 1);
    ASSERT_EQ(find_row(rows, 0), 0U);
  }
}

TEST(MappedCode, FindsWhatContainsAnAddress) {
  const MappedCode code({{.begin = 0x3000, .end = 0x4000, .bias = 0, .file = 2, .pad = 0},
                         {.begin = 0x1000, .end = 0x2000, .bias = 0, .file = 1, .pad = 0}});
  EXPECT_EQ(code.find(0xfff), nullptr);
  EXPECT_EQ(code.find(0x1000)->file, 1U);
  EXPECT_EQ(code.find(0x1fff)->file, 1U);
  EXPECT_EQ(code.find(0x2000), nullptr);
  EXPECT_EQ(code.find(0x3000)->file, 2U);
  EXPECT_EQ(code.find(0x4000), nullptr);
  EXPECT_EQ(MappedCode({}).find(0), nullptr);
}

}  // namespace
}  // namespace sonde
