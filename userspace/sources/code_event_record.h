// SPDX-License-Identifier: Apache-2.0
// From a record of perf's side-band to a CodeEvent. Pure; whatever the bytes are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "userspace/model/code_event.h"

namespace sonde {

// Of events that were opened as kernel/side_band.h does. Nothing: it is of another kind, or has
// another form. Views are into the record.
std::optional<CodeEvent> read_code_event(std::span<const uint8_t> record);

}  // namespace sonde
