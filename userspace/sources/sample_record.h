// SPDX-License-Identifier: Apache-2.0
// From a record of the ring of samples to a StackSample. Pure; whatever the bytes are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "userspace/model/stack_sample.h"

namespace sonde {

// Nothing if it is no sample. Views are into the record, which is aligned as the ring has it (8).
std::optional<StackSample> read_sample(std::span<const uint8_t> record);

}  // namespace sonde
