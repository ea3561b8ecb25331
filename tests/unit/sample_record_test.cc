// SPDX-License-Identifier: Apache-2.0
// Records of the ring of samples, good ones and such as no kernel writes.
#include "userspace/sources/sample_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "bpf/shared/samples.h"

namespace sonde {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

sonde_sample some_sample() {
  sonde_sample sample{};
  sample.kind = SONDE_SAMPLE;
  sample.time_ns = 7;
  sample.cgroup = 8;
  sample.started_ns = 9;
  sample.image = 10;
  sample.pid = 100;
  sample.tid = 101;
  sample.cpu = 3;
  sample.weight = 4;
  std::memcpy(sample.name, "worker", 6);
  return sample;
}

// The record as the kernel side sends it: with these many frames of room.
std::span<const uint8_t> bytes(const sonde_sample& sample, size_t frames) {
  return {reinterpret_cast<const uint8_t*>(&sample), SONDE_SAMPLE_HEAD + frames * 8};
}

TEST(SampleRecord, BothStacks) {
  sonde_sample sample = some_sample();
  sample.kernel_frames = 2;
  sample.user_frames = 1;
  sample.frames[0] = 0xffffffff81000000;
  sample.frames[1] = 0xffffffff81000010;
  sample.frames[2] = 0x401000;
  sample.flags = SONDE_SAMPLE_USER_CUT;
  const auto read = read_sample(bytes(sample, 3));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->pid, Pid{100});
  EXPECT_EQ(read->thread, 101u);
  EXPECT_EQ(read->started_ns, 9u);
  EXPECT_EQ(read->image, 10u);
  EXPECT_EQ(read->name, "worker");
  EXPECT_EQ(read->weight, 4u);
  EXPECT_THAT(read->kernel, ElementsAre(0xffffffff81000000, 0xffffffff81000010));
  EXPECT_THAT(read->user, ElementsAre(0x401000));
  EXPECT_FALSE(read->kernel_cut);
  EXPECT_TRUE(read->user_cut);
}

TEST(SampleRecord, WithoutAWeightItIsNone) {
  sonde_sample sample = some_sample();
  sample.weight = 0;
  EXPECT_FALSE(read_sample(bytes(sample, 0)));
}

TEST(SampleRecord, WithoutAnyFrame) {
  const auto read = read_sample(bytes(some_sample(), 0));
  ASSERT_TRUE(read);
  EXPECT_THAT(read->kernel, IsEmpty());
  EXPECT_THAT(read->user, IsEmpty());
}

TEST(SampleRecord, ANameWithoutAnEnd) {
  sonde_sample sample = some_sample();
  std::memset(sample.name, 'x', sizeof(sample.name));
  EXPECT_EQ(read_sample(bytes(sample, 0))->name, std::string(16, 'x'));
}

TEST(SampleRecord, MoreFramesThanBytesAreNone) {
  sonde_sample sample = some_sample();
  sample.kernel_frames = 3;
  EXPECT_FALSE(read_sample(bytes(sample, 2)));
  sample.kernel_frames = 2;
  sample.user_frames = 1;
  EXPECT_FALSE(read_sample(bytes(sample, 2)));
  sample.user_frames = UINT16_MAX;
  EXPECT_FALSE(read_sample(bytes(sample, 20)));
  sample.kernel_frames = UINT16_MAX;
  sample.user_frames = 3;
  EXPECT_FALSE(read_sample(bytes(sample, 20)));
}

TEST(SampleRecord, ShortOnesAndThoseOfNobody) {
  sonde_sample sample = some_sample();
  for (size_t size = 0; size < SONDE_SAMPLE_HEAD; size++) {
    EXPECT_FALSE(read_sample(bytes(sample, 0).first(size)));
  }
  EXPECT_FALSE(read_sample(bytes(sample, 1).subspan(1))) << "not aligned";
  sample.pid = 0;
  EXPECT_FALSE(read_sample(bytes(sample, 0)));
}

TEST(SampleRecord, HowTheWalkEnded) {
  sonde_sample sample = some_sample();
  sample.end = SONDE_STEP_no_code;
  sample.guessed = 3;
  sample.flags = SONDE_SAMPLE_MISSED | SONDE_SAMPLE_USER_BY_KERNEL;
  const auto read = read_sample(bytes(sample, 0));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->end, SONDE_STEP_no_code);
  EXPECT_EQ(read->guessed, 3);
  EXPECT_TRUE(read->missed);
  EXPECT_TRUE(read->user_by_kernel);
  EXPECT_FALSE(wants_stack(bytes(sample, 0)));
  sample.end = SONDE_STEP_KINDS;
  EXPECT_FALSE(read_sample(bytes(sample, 0)));
}

TEST(SampleRecord, AStackIsNoSample) {
  auto stack = std::make_unique<sonde_stack>();
  stack->kind = SONDE_STACK;
  stack->cpu = 3;
  stack->time_ns = 7;
  stack->frame = {
      .pc = 0x401000, .sp = 0x7000, .fp = 0x7010, .exact = 1, .innermost = 1, .reserved = {}};
  stack->registers[5] = 55;
  stack->address = 0x6f80;
  stack->size = 2;
  stack->bytes[1] = 99;
  const std::span<const uint8_t> record(reinterpret_cast<const uint8_t*>(stack.get()),
                                        sizeof(*stack));
  EXPECT_FALSE(read_sample(record));
  const auto read = read_stack(record);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cpu, 3u);
  EXPECT_EQ(read->time_ns, 7u);
  EXPECT_EQ(read->stack.pc, 0x401000u);
  EXPECT_EQ(read->stack.sp, 0x7000u);
  EXPECT_EQ(read->stack.registers[5], 55u);
  EXPECT_EQ(read->stack.address, 0x6f80u);
  EXPECT_TRUE(read->stack.exact);
  EXPECT_TRUE(read->stack.innermost);
  EXPECT_THAT(read->stack.bytes, ElementsAre(0, 99));
  EXPECT_FALSE(read_stack(record.first(record.size() - 1)));
  EXPECT_FALSE(read_stack(record.subspan(1)));
  stack->size = SONDE_STACK_BYTES + 1;
  EXPECT_FALSE(read_stack(record));
  EXPECT_FALSE(read_stack(bytes(some_sample(), 1)));
}

TEST(SampleRecord, ASampleTellsThatItsStackCameBefore) {
  sonde_sample sample = some_sample();
  sample.flags = SONDE_SAMPLE_COPIED;
  EXPECT_TRUE(wants_stack(bytes(sample, 0)));
  sample.kind = SONDE_STACK;
  EXPECT_FALSE(wants_stack(bytes(sample, 0)));
}

}  // namespace
}  // namespace sonde
