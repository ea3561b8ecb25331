// SPDX-License-Identifier: Apache-2.0
// The layout of a rows file: the header, the rows, the pages' directory, the rules; nothing between
// them. Integers are in the order of the machine that wrote. A file that is not exactly like that,
// or of another version, is made anew.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "symbolizer/unwind/page_rows.h"

namespace sonde {

constexpr std::array<char, 8> kRowsMagic = {'S', 'O', 'N', 'D', 'R', 'O', 'W', 'S'};
constexpr uint32_t kRowsByteOrder = 0x01020304;
// Changes with bpf/shared/unwind.h, and with what rows say of the same file.
constexpr uint32_t kRowsVersion = 2;
constexpr size_t kMaxIdentity = 96;

struct RowsFileHeader {
  std::array<char, 8> magic;
  uint32_t byte_order;
  uint32_t version;
  std::array<char, kMaxIdentity> identity;  // of the file that is described; zero bytes fill up
  uint32_t rows;
  uint32_t pages;
  uint32_t rules;
  uint32_t content_check;  // CRC-32C of all behind the header
  uint32_t reserved;
  uint32_t check;  // CRC-32C of all of the header before it
};
static_assert(sizeof(RowsFileHeader) == 136);

constexpr uint64_t rows_file_size(uint64_t rows, uint64_t pages, uint64_t rules) {
  return sizeof(RowsFileHeader) + rows * sizeof(sonde_row) + pages * sizeof(RowPage) +
         rules * sizeof(sonde_rule);
}

}  // namespace sonde
