// SPDX-License-Identifier: Apache-2.0
// What no event tells: the sockets that are open when we start. They are found by walking all
// descriptors, beside whichever door is taken.
#pragma once

#include <cstdint>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/sources/door.h"

namespace sonde {

// Notes the listeners of all network namespaces, for the roles of connections older than we are,
// and which AF_UNIX connections are older. Call it when the door is attached and nothing is watched
// yet.
Result<> note_open_sockets(MapPool& pool, const DoorKind& door, uint32_t ring_bytes);

}  // namespace sonde
