// SPDX-License-Identifier: Apache-2.0
// Which runs that the kernel skipped may have lost a call.
#include <gtest/gtest.h>

#include "userspace/sources/kernel_side.h"

namespace sonde {
namespace {

sonde_kernel_counter counter_of(const char* section) {
  ProgramFacts program;
  program.section = section;
  return counter_of_missed(program);
}

TEST(MissedRuns, AtAChangeOfStateNoCallIsLost) {
  EXPECT_EQ(counter_of("tp_btf/inet_sock_set_state"), SONDE_COUNT_states_missed);
  EXPECT_EQ(counter_of("raw_tp/inet_sock_set_state"), SONDE_COUNT_states_missed);
}

// An end that is missed is a record that is missing, and one at a call may be a call.
TEST(MissedRuns, AnywhereElseSomethingIs) {
  for (const char* section :
       {"tp_btf/tcp_destroy_sock", "raw_tp/tcp_destroy_sock", "tp_btf/sock_send_length",
        "raw_tp/sys_exit", "fexit/tcp_recvmsg", ""}) {
    EXPECT_EQ(counter_of(section), SONDE_COUNT_runs_missed) << section;
  }
}

}  // namespace
}  // namespace sonde
