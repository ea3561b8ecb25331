// SPDX-License-Identifier: Apache-2.0
// From records of the ring of samples to StackSamples. Pure; whatever the bytes are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "userspace/model/stack_sample.h"

namespace sonde {

// Nothing if it is no sample (then it may be a stack). Views are into the record, which is aligned
// as the ring has it (8).
std::optional<StackSample> read_sample(std::span<const uint8_t> record);

// The sample that it belongs to is the next of its CPU, and of the same time.
struct StackRecord {
  uint32_t cpu = 0;
  uint64_t time_ns = 0;
  CopiedStack stack;
};

std::optional<StackRecord> read_stack(std::span<const uint8_t> record);

// Of a sample: whether a stack belongs to it.
bool wants_stack(std::span<const uint8_t> record);

}  // namespace sonde
