// SPDX-License-Identifier: Apache-2.0
// LineTableWriter: makes a LineTable in a file, piece by piece. Nodes go to the file as they come;
// rows, which come in any order, places and names are kept until the end.
#pragma once

#include <tsl/robin_set.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/lines/line_table_format.h"
#include "userspace/base/result.h"

namespace sonde {

struct LinesWritten {
  uint64_t nodes = 0;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t left_out = 0;  // rows, nodes, places and names beyond what a table may hold
};

class LineTableWriter {
 public:
  static constexpr uint32_t kNone = line_format::kNone;

  // Writes to `fd` from its beginning by pwrite; it must outlive the writer. No address below
  // `base` will come. `expected_rows`: about how many at most, so that memory is asked for once.
  LineTableWriter(int fd, uint64_t base, size_t expected_rows);
  LineTableWriter(const LineTableWriter&) = delete;
  LineTableWriter& operator=(const LineTableWriter&) = delete;

  // Equal ones get the same number. What does not fit is number 0, the empty name.
  uint32_t name(std::string_view text);

  // kNone if it does not fit.
  uint32_t place(uint32_t file, uint32_t line);
  uint32_t node(uint32_t function, uint32_t parent, uint32_t called);

  // From `address` on this holds, up to the next row; kNone for both ends what was before. Of
  // several at one address one that says something holds, and of those the later node.
  void row(uint64_t address, uint32_t node, uint32_t place);

  // Once, as the last call.
  Result<LinesWritten> finish();

 private:
  struct Row {
    uint32_t start;
    uint32_t node;
    uint32_t place;
  };

  void put(std::string_view bytes);
  void flush();
  void settle_rows();
  void put_column(uint32_t Row::* column);

  // The names that are in the pool, by what stands there.
  struct NameHash {
    using is_transparent = void;
    const std::string* pool;
    size_t operator()(std::string_view name) const;
    size_t operator()(uint32_t at) const;
  };
  struct NameEqual {
    using is_transparent = void;
    const std::string* pool;
    bool operator()(uint32_t at, std::string_view name) const;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
  };
  // The places that are there already, likewise.
  struct PlaceHash {
    using is_transparent = void;
    const std::vector<line_format::Place>* places;
    size_t operator()(const line_format::Place& place) const;
    size_t operator()(uint32_t number) const { return operator()((*places)[number]); }
  };
  struct PlaceEqual {
    using is_transparent = void;
    const std::vector<line_format::Place>* places;
    bool operator()(uint32_t number, const line_format::Place& place) const;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
  };

  int fd_;
  uint64_t base_;
  LinesWritten written_;
  std::string names_;
  std::vector<line_format::Place> places_;
  tsl::robin_set<uint32_t, NameHash, NameEqual> known_names_;
  tsl::robin_set<uint32_t, PlaceHash, PlaceEqual> known_places_;
  std::vector<Row> rows_;
  std::string pending_;  // not in the file yet
  uint64_t at_ = sizeof(line_format::Header);
  uint32_t checksum_ = 0;
  int write_error_ = 0;
};

}  // namespace sonde
