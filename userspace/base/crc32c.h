// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the check of tape frames. By the CPU's instruction
// where there is one.
#pragma once

#include <cstdint>
#include <span>

namespace sonde {

// before: the check of what stands before these bytes.
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before = 0);

// The same by tables alone, on any CPU: the instruction's test.
uint32_t crc32c_by_table(std::span<const uint8_t> bytes);

}  // namespace sonde
