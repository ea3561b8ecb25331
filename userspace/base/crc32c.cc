// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

namespace sonde {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

// kTables[0] advances the check by one byte; kTables[k] by one byte that k zero bytes follow.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    }
    tables[0][i] = crc;
  }
  for (size_t k = 1; k < 8; k++) {
    for (size_t i = 0; i < 256; i++) {
      const uint32_t crc = tables[k - 1][i];
      tables[k][i] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}();

uint32_t by_table(uint32_t crc, const uint8_t* at, size_t left) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; left >= 8; at += 8, left -= 8) {
      uint64_t word = 0;
      std::memcpy(&word, at, 8);
      word ^= crc;
      crc = 0;
      for (size_t i = 0; i < 8; i++) {
        crc ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
      }
    }
  }
  for (; left > 0; at++, left--) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 0xff];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t by_instruction(uint32_t crc, const uint8_t* at,
                                                          size_t left) {
  uint64_t wide = crc;
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; left > 0; at++, left--) {
    crc = __builtin_ia32_crc32qi(crc, *at);
  }
  return crc;
}

const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
#else
// arm64 has one too; its feature test needs the auxiliary vector, and nobody has measured that it
// matters there.
constexpr bool kHasInstruction = false;
uint32_t by_instruction(uint32_t crc, const uint8_t* at, size_t left) {
  return by_table(crc, at, left);
}
#endif

}  // namespace

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before) {
  return ~(kHasInstruction ? by_instruction(~before, bytes.data(), bytes.size())
                           : by_table(~before, bytes.data(), bytes.size()));
}

uint32_t crc32c_by_table(std::span<const uint8_t> bytes) {
  return ~by_table(~0u, bytes.data(), bytes.size());
}

}  // namespace sonde
