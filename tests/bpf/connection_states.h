// SPDX-License-Identifier: Apache-2.0
// The states that the kernel side keeps of connections, changed from outside: what a run that the
// kernel skips leaves behind comes by chance, and here at will.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace sonde {

// Makes the client's state what it is when its connect was seen to begin and not to end. Finds it
// by its local port, among the sockets of this process. Returns how many it changed.
int forget_establishment(pid_t of, uint16_t local_port);

}  // namespace sonde
