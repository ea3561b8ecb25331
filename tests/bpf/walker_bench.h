/* SPDX-License-Identifier: Apache-2.0 */
/* What walker.bpf.c is given and what it answers. */
#pragma once

#include "bpf/shared/unwind.h"

// NOLINTNEXTLINE(readability-identifier-naming): as the kernel side writes names
struct walker_bench {
  sonde_u32 first; /* a page's rows in the chunk */
  sonde_u32 count;
  sonde_u32 lo;
  sonde_u32 found;
  struct sonde_rule rule;
  struct sonde_frame frame;
  sonde_u64 registers[32];
  sonde_u64 code_begin;
  sonde_u64 code_end;
  sonde_u64 step; /* enum sonde_step */
};
SONDE_ASSERT_SIZE(struct walker_bench, 336);
