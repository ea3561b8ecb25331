// SPDX-License-Identifier: Apache-2.0
// What the sampler is told of the machine: its CPUs, and a version that may lock up.
#include "userspace/kernel/cpu_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "userspace/kernel/kernel_version.h"
#include "userspace/sources/cpu_samples.h"

namespace sonde {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CpuList, AsTheKernelWritesIt) {
  EXPECT_THAT(parse_cpu_list("0"), ElementsAre(0));
  EXPECT_THAT(parse_cpu_list("0-2,5,7-8\n"), ElementsAre(0, 1, 2, 5, 7, 8));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  EXPECT_THAT(parse_cpu_list("\n"), IsEmpty());
}

TEST(CpuList, WhatElseStandsThereIsBounded) {
  EXPECT_THAT(parse_cpu_list("x,1,-3,2-"), ElementsAre(1));
  EXPECT_EQ(parse_cpu_list("0-2147483647").size(), kMostCpus);
  EXPECT_THAT(parse_cpu_list("5-2"), IsEmpty());
}

TEST(KernelVersion, IsReadFromARelease) {
  EXPECT_EQ(parse_kernel_version("6.1.35-21-amd64"), (KernelVersion{6, 1, 35}));
  EXPECT_EQ(parse_kernel_version("6.12-rc1"), (KernelVersion{6, 12, 0}));
  EXPECT_EQ(parse_kernel_version("5.10.251"), (KernelVersion{5, 10, 251}));
  EXPECT_FALSE(parse_kernel_version("Linux"));
  EXPECT_FALSE(parse_kernel_version("6"));
  EXPECT_FALSE(parse_kernel_version("6.x"));
  EXPECT_FALSE(parse_kernel_version("99999999999.1"));
}

TEST(KernelVersion, DebianTellsTheWholeOfItElsewhere) {
  const auto of = [](std::string_view build) {
    return parse_kernel_version("6.1.0-50-amd64", build).value();
  };
  EXPECT_EQ(of("#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-06-02)"), (KernelVersion{6, 1, 176}));
  EXPECT_EQ(of("#1 SMP Debian 5.10.251-1 (2026-01-01)"), (KernelVersion{6, 1, 0}));
  EXPECT_EQ(of("#1 SMP Debian x"), (KernelVersion{6, 1, 0}));
  EXPECT_EQ(of("#58-Ubuntu SMP"), (KernelVersion{6, 1, 0}));
  EXPECT_FALSE(parse_kernel_version("x", "#1 SMP Debian 6.1.176-1"));
}

TEST(KernelVersion, ThoseThatMayLockUp) {
  const auto may = [](std::string_view release) {
    return sampling_may_lock_up(parse_kernel_version(release).value());
  };
  for (const auto* good : {"5.10.0", "5.15.100", "5.18.19", "6.1.36", "6.1.170-1", "6.3.10",
                           "6.4.0", "6.12.0", "7.2.1"}) {
    EXPECT_FALSE(may(good)) << good;
  }
  for (const auto* bad :
       {"5.19.0", "6.0.19", "6.1.0", "6.1.35", "6.2.0", "6.2.16", "6.3.0", "6.3.9"}) {
    EXPECT_TRUE(may(bad)) << bad;
  }
}

TEST(SampleRing, HasRoomForASecond) {
  EXPECT_EQ(sample_ring_bytes(2, 49), 1u << 20);
  EXPECT_EQ(sample_ring_bytes(64, 49), 16u << 20);
  EXPECT_EQ(sample_ring_bytes(100'000, 1000), 64u << 20);
}

}  // namespace
}  // namespace sonde
