// SPDX-License-Identifier: Apache-2.0
// Whether tasks interrupt the kernel's code, as it says itself: what is not known is taken for yes.
#include "userspace/kernel/preemption.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

constexpr std::string_view kPlain = "#1 SMP Debian 5.10.251-1 (2026-02-20)";
constexpr std::string_view kDynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 (2026-05-01)";

TEST(PreemptionTest, AKernelBuiltForOneAnswerHasIt) {
  EXPECT_FALSE(kernel_is_interruptible(kPlain, "", "quiet preempt=full"));
  EXPECT_TRUE(kernel_is_interruptible("#1 SMP PREEMPT Arch", "", ""));
  EXPECT_TRUE(kernel_is_interruptible("#1 SMP PREEMPT_RT Debian", "", "preempt=none"));
}

TEST(PreemptionTest, TheModeItIsInTells) {
  EXPECT_FALSE(kernel_is_interruptible(kDynamic, "none (voluntary) full ", "preempt=full"));
  EXPECT_FALSE(kernel_is_interruptible(kDynamic, "(none) voluntary full ", ""));
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "none voluntary (full) ", "preempt=none"));
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "full (lazy) ", ""));
}

TEST(PreemptionTest, ElseWhatItWasAskedForLast) {
  EXPECT_FALSE(kernel_is_interruptible(kDynamic, "", "quiet preempt=full preempt=none\n"));
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "", "quiet preempt=none preempt=full"));
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "", "quiet preempt=lazy"));
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "", "quiet nopreempt=none"));
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "", "preempt=")) << "not known";
  EXPECT_TRUE(kernel_is_interruptible(kDynamic, "", "")) << "not known";
}

}  // namespace
}  // namespace sonde
