// SPDX-License-Identifier: Apache-2.0
// Tests that need the kernel's permission say so by skipping, with the reason.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#define SONDE_NEEDS_ROOT()                                          \
  do {                                                              \
    if (geteuid() != 0) {                                           \
      GTEST_SKIP() << "privilege: loading BPF programs needs root"; \
    }                                                               \
  } while (false)
