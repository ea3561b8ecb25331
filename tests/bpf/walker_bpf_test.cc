// SPDX-License-Identifier: Apache-2.0
// The walker's source in the kernel answers as it does in user space, on the same memory; and the
// verifier takes it at a price that leaves room for a walk around it.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

#include "skel/walker.skel.h"
#include "symbolizer/unwind/walk_memory.h"
#include "tests/bpf/privilege.h"
#include "tests/bpf/walker_bench.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {
namespace {

// Of a million in all. A search whose index the verifier tracks takes 331,645.
constexpr uint32_t kMostVerified = 5'000;
constexpr uint32_t kZero = 0;
constexpr uint64_t kCode = 0x40'0000;

class WalkerBpfTest : public testing::Test {
 protected:
  void SetUp() override {
    SONDE_NEEDS_ROOT();
    size_t size = 0;
    const void* elf = walker_bpf__elf_bytes(&size);
    auto object = BpfObject::open("walker", elf, size);
    ASSERT_TRUE(object) << object.error().what;
    object_ = *std::move(object);
    const Result<> loaded = object_->load(pool_);
    ASSERT_TRUE(loaded) << loaded.error().what;
  }

  walker_bench run(std::string_view program, walker_bench bench) {
    const int fd = object_->map_fd("bench");
    EXPECT_EQ(bpf_map_update_elem(fd, &kZero, &bench, BPF_ANY), 0);
    const Result<> ran = object_->run(program);
    EXPECT_TRUE(ran) << ran.error().what;
    EXPECT_EQ(bpf_map_lookup_elem(fd, &kZero, &bench), 0);
    return bench;
  }

  MapPool pool_;
  std::unique_ptr<BpfObject> object_;
};

TEST_F(WalkerBpfTest, TheVerifierForgetsTheIndex) {
  for (const ProgramFacts& program : object_->programs()) {
    EXPECT_LT(program.verified, kMostVerified) << program.name;
    RecordProperty(program.name, static_cast<int>(program.verified));
  }
}

TEST_F(WalkerBpfTest, FindsTheSameRow) {
  std::mt19937 random(1);
  std::vector<sonde_row> chunk(SONDE_CHUNK_ROWS, {.lo = 0xdead, .rule = 0});
  for (const uint32_t count : {1U, 2U, 3U, 5U, 64U, 1000U, 1025U, 40'000U, 65'536U}) {
    const uint32_t first = SONDE_CHUNK_ROWS - count - (count % 3);
    for (uint32_t i = 0; i < count; i++) {
      chunk[first + i].lo = static_cast<uint16_t>(uint64_t{i} * SONDE_UNWIND_PAGE_SIZE / count);
    }
    ASSERT_EQ(bpf_map_update_elem(object_->map_fd("chunk"), &kZero, chunk.data(), BPF_ANY), 0);
    for (int i = 0; i < 200; i++) {
      walker_bench bench{};
      bench.first = first;
      bench.count = count;
      bench.lo = i == 0 ? 0 : i == 1 ? UINT16_MAX : random() & UINT16_MAX;
      const size_t expected =
          find_row(std::span(chunk).subspan(first, count), static_cast<uint16_t>(bench.lo));
      ASSERT_EQ(run("find", bench).found, first + expected) << count << " rows, " << bench.lo;
    }
  }
}

// Any rule on a stack of likely words: both sides must agree, whether the step succeeds or not.
TEST_F(WalkerBpfTest, StepsTheSameWay) {
  constexpr size_t kWords = 64;
  constexpr std::array<uint8_t, 10> kCfas = {
      SONDE_CFA_INVALID, SONDE_CFA_STOP,         SONDE_CFA_SIGNAL,   SONDE_CFA_FP_ONLY,
      SONDE_CFA_SP,      SONDE_CFA_FP,           SONDE_CFA_SP_DEREF, SONDE_CFA_FP_DEREF,
      SONDE_CFA_PLT,     SONDE_CFA_REGISTER + 10};
  std::mt19937 random(2);
  // The whole of it must be what the kernel can read too, so the words around it are part of it.
  std::vector<uint64_t> words(3 * kWords);
  const auto low = reinterpret_cast<uint64_t>(words.data());
  const auto likely = [&]() -> uint64_t {
    switch (random() % 4) {
      case 0:
        return low + random() % (words.size() * 8);
      case 1:
        return low + random() % words.size() * 8;
      case 2:
        return kCode + random() % 0x1100;
      default:
        return random() % 3 == 0 ? 0 : random();
    }
  };
  const MappedCode code({{.begin = kCode, .end = kCode + 0x1000, .bias = 0, .file = 0, .pad = 0}});
  std::array<int, SONDE_STEP_KINDS> ended{};
  for (int i = 0; i < 20'000; i++) {
    for (uint64_t& word : words) {
      word = likely();
    }
    walker_bench bench{};
    bench.code_begin = kCode;
    bench.code_end = kCode + 0x1000;
    for (uint64_t& reg : bench.registers) {
      reg = likely();
    }
    bench.rule = {.cfa = kCfas[random() % kCfas.size()],
                  .saved = static_cast<sonde_u8>(random() % 32),
                  .offset = static_cast<sonde_s16>(random() % 32 * 8 - 128),
                  .cfa_offset = static_cast<sonde_s32>(random() % 24 * 8 - 16)};
    bench.frame = {.pc = kCode + random() % 64,
                   .sp = low + kWords * 8 + random() % 8 * 8,
                   .fp = random() % 2 == 0 ? low + kWords * 8 + random() % 16 * 8 : likely(),
                   .exact = static_cast<sonde_u8>(random() % 2),
                   .innermost = static_cast<sonde_u8>(random() % 2),
                   .reserved = {}};
    StackCopy copy{};
    std::copy_n(bench.registers, 32, copy.registers.begin());
    copy.address = low;
    copy.bytes = {reinterpret_cast<const uint8_t*>(words.data()), words.size() * 8};
    sonde_frame expected = bench.frame;
    const bool by_fp = random() % 8 == 0;
    const sonde_step step = by_fp ? step_on_copy_by_fp(copy, code, expected)
                                  : step_on_copy(copy, code, bench.rule, expected);
    const walker_bench there = run(by_fp ? "step_by_fp" : "step", bench);
    // The process has more memory than the copy: what is beyond says nothing.
    if (step == SONDE_STEP_unreadable) {
      continue;
    }
    ended[step]++;
    ASSERT_EQ(there.step, step) << i;
    ASSERT_EQ(std::memcmp(&there.frame, &expected, sizeof(expected)), 0) << i;
  }
  EXPECT_GT(ended[SONDE_STEP_caller], 1000);
  for (const sonde_step step : {SONDE_STEP_outermost, SONDE_STEP_no_rule, SONDE_STEP_no_register,
                                SONDE_STEP_bad_frame, SONDE_STEP_no_code}) {
    EXPECT_GT(ended[step], 20) << step;
  }
}

}  // namespace
}  // namespace sonde
