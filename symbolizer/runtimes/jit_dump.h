// SPDX-License-Identifier: Apache-2.0
// JitDump: jit-PID.dump, the file in which runtimes tell of the code they make (Linux
// tools/perf/Documentation/jitdump-specification.txt): a header, then records of growing number.
// The runtime maps its first page executable, which is how the file is found: the mapping's path.
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/runtimes/code_map.h"
#include "symbolizer/runtimes/target_file.h"
#include "userspace/base/bytes.h"
#include "userspace/base/result.h"

namespace sonde {

// What the records say. Fed with the file's bytes in order, in pieces that end anywhere.
class JitRecords {
 public:
  static constexpr size_t kMaxRecord = 16u << 20;  // a longer one (its code, mostly) is passed over
  static constexpr size_t kMaxLines = 1u << 20;
  static constexpr size_t kMaxFiles = size_t{64} * 1024;

  struct Line {
    std::string_view file;  // until the next read
    uint32_t line;
  };
  struct Counts {
    uint64_t loaded = 0;
    uint64_t moved = 0;
    uint64_t with_lines = 0;
    uint64_t unwinding = 0;  // passed over
    uint64_t unknown = 0;    // of a kind that is none, passed over
    uint64_t malformed = 0;
    uint64_t refused = 0;  // for a cap
    bool closed = false;
  };

  // Takes what is whole and says how many bytes that was, which may be more than are there: the
  // rest of a record nobody needs. Fails if this is no such file; then it stays so.
  Result<uint64_t> read(std::string_view bytes);

  const CodeMap& code() const { return code_; }
  std::optional<Line> line_at(uint64_t address) const;
  const Counts& counts() const { return counts_; }

 private:
  struct Position {
    uint64_t address;
    uint32_t file;
    uint32_t line;
  };

  Result<size_t> read_header(Bytes in);
  void read_record(uint32_t kind, Bytes body);
  bool load(Bytes body);
  bool move(Bytes body);
  bool lines(Bytes body);
  std::optional<uint32_t> file_index(std::string_view name);

  CodeMap code_;
  std::map<uint64_t, std::vector<Position>> lines_;  // by the code's start
  std::map<std::string, uint32_t, std::less<>> file_numbers_;
  std::vector<std::string_view> files_;  // of file_numbers_
  size_t line_count_ = 0;
  Counts counts_;
  bool header_read_ = false;
};

class JitDump {
 public:
  static constexpr size_t kMaxRefresh = 256u << 20;

  // `proc`: the process's directory in /proc, borrowed; `path` as the process sees it.
  static Result<JitDump> open(int proc, std::string_view path);

  // Reads what is new.
  Result<> refresh();

  const JitRecords& records() const { return records_; }

 private:
  explicit JitDump(Fd file) : file_(std::move(file)) {}

  Fd file_;
  JitRecords records_;
  uint64_t position_ = 0;
};

}  // namespace sonde
