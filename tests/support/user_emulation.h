// SPDX-License-Identifier: Apache-2.0
// Under QEMU's user emulation (preset arm64) it is this machine's kernel that answers, and what
// QEMU does not translate fails. A test that needs it says so by skipping, with the reason.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#define SONDE_NOT_UNDER_USER_EMULATION(reason)            \
  do {                                                    \
    if (std::getenv("SONDE_USER_EMULATION") != nullptr) { \
      GTEST_SKIP() << "QEMU's user emulation " reason;    \
    }                                                     \
  } while (false)
