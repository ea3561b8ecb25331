// SPDX-License-Identifier: Apache-2.0
// Landlock: a thread may give up the file system for good. It may then not look at other processes
// either - the kernel takes /proc/PID/exe and the like for tracing -, so that it is nothing for
// those of our threads that find out who runs here.
#pragma once

#include "userspace/base/result.h"

namespace sonde::confine {

// What this kernel offers of it; 0: it has none, or it is off.
int landlock_version();

// From now on the calling thread opens no file of any kind, whatever its user may; and, as far as
// this kernel's version goes, binds and connects no TCP socket, and sends nothing to processes
// outside: no signal, nothing to an abstract AF_UNIX name. What is open stays open.
Result<> shut_file_system();

}  // namespace sonde::confine
