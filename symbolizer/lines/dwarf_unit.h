// SPDX-License-Identifier: Apache-2.0
// One unit of DWARF on its way into a LineTable: its functions by one walk over its tree, its
// lines, and both laid over one another as rows. All of it libdw reads; what stands there is
// hostile.
#pragma once

#include <elfutils/libdw.h>
#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/lines/claimed_code.h"
#include "symbolizer/lines/line_table_writer.h"
#include "symbolizer/lines/mixed_hash.h"
#include "symbolizer/symbols/code_ranges.h"

namespace sonde {

// Names of functions that were met, by where their own entry lies in memory. Kept from unit to unit
// of one Dwarf; a new entry takes an older one's place.
class FunctionNames {
 public:
  explicit FunctionNames(LineTableWriter& writer) : writer_(writer) {}

  uint32_t of(Dwarf_Die& die);

 private:
  struct Known {
    const void* entry = nullptr;
    uint32_t name = 0;
  };
  static constexpr size_t kKnown = 1u << 16;

  uint32_t name_of(Dwarf_Die& origin);

  LineTableWriter& writer_;
  std::vector<Known> known_{kKnown};
};

class DwarfUnit {
 public:
  // No entry lies deeper in any real program; what is below is left out.
  static constexpr size_t kMaxDepth = 256;
  static constexpr size_t kMaxRanges = 4u << 20;  // of all functions of a unit

  // `code`: where the file has any. What of it this unit describes is claimed.
  DwarfUnit(Dwarf_Die unit, std::span<const CodeRange> code, ClaimedCode& claimed,
            LineTableWriter& writer, FunctionNames& names)
      : unit_(unit), code_(code), claimed_(claimed), writer_(writer), names_(names) {}

  void read();
  uint64_t left_out() const { return left_out_; }
  size_t lines_read() const { return lines_read_; }

 private:
  // A function's code; one whose turn in the tree comes later lies deeper, and holds.
  struct FunctionRange {
    uint64_t begin;
    uint64_t end;
    uint32_t turn;
    uint32_t node;
  };
  struct From {  // from here on
    uint64_t address;
    uint32_t value;
  };
  struct Level {
    Dwarf_Die die;
    uint32_t node;
  };

  bool is_code(uint64_t begin, uint64_t end) const;
  bool is_ours(const CodeRange& range) const;
  void read_ranges(Dwarf_Die& die, std::vector<CodeRange>& out);

  std::optional<uint32_t> enter(Dwarf_Die& die, uint32_t parent);
  void read_functions();
  void paint_functions();
  uint32_t called_at(Dwarf_Die& die);

  void read_lines();
  uint32_t file_name(const char* path);
  std::string whole_path(std::string_view path);
  void write_rows();

  Dwarf_Die unit_;
  const std::span<const CodeRange> code_;
  ClaimedCode& claimed_;
  LineTableWriter& writer_;
  FunctionNames& names_;
  Dwarf_Files* files_ = nullptr;
  size_t file_count_ = 0;
  tsl::robin_map<const void*, uint32_t, MixedHash> file_names_;
  std::vector<CodeRange> unit_code_;  // what is this unit's, by address
  std::vector<CodeRange> die_code_;
  std::vector<FunctionRange> ranges_;
  std::vector<From> functions_;  // rising; the innermost's node
  std::vector<From> lines_;      // rising; the place
  size_t lines_read_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace sonde
