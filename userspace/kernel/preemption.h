// SPDX-License-Identifier: Apache-2.0
// Whether a task can interrupt a BPF program on this kernel (bpf/lib/preempt.h says what that would
// do).
#pragma once

#include <string_view>

namespace sonde {

// At a tracepoint. Tried once. False where it cannot be tried: such kernels have no way to prevent
// it either.
bool programs_are_interruptible();

// At a function (fexit). Unlike a tracepoint the kernel never keeps the CPU for those: they are as
// interruptible as all of its code. True if that cannot be found out.
bool programs_at_functions_are_interruptible();

// The same by what the kernel says of itself: its version (uname -v), the mode it is in
// (debugfs, sched/preempt; empty: not to be read), and its command line.
bool kernel_is_interruptible(std::string_view version, std::string_view mode,
                             std::string_view command_line);

// Whether there are the means for a program to prevent it (since Linux 6.10; the verifier may still
// not let it use them).
bool programs_can_keep_their_cpu();

}  // namespace sonde
