// SPDX-License-Identifier: Apache-2.0
// Mappings: which files a process executes, and where in memory. Read from /proc/PID/maps, piece by
// piece: that file may be as long as a process likes to make it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/inventory/proc_root.h"

namespace sonde {

constexpr size_t kMaxMappings = 4096;        // executable ones of one process that are kept
constexpr size_t kMaxMapsBytes = 32u << 20;  // of text that is read
constexpr size_t kMaxMappingPath = 4096;

// The identity of a file on this host while it exists.
struct FileIdentity {
  uint64_t device = 0;  // as makedev() writes it
  uint64_t inode = 0;   // 0: no file
  auto operator<=>(const FileIdentity&) const = default;
};

struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;     // behind it
  uint64_t offset = 0;  // in the file, of the start
  FileIdentity file;
  // As the process sees it, without " (deleted)"; "[vdso]" and the like for what is no file; empty:
  // memory without a name.
  std::string path;
  std::string build_id = {};  // in hex, where it was told; empty: unknown
  bool operator==(const Mapping&) const = default;
};

// One line of /proc/PID/maps without its end, if the mapping may be executed. Nothing: it may not,
// or the line has another form.
std::optional<Mapping> parse_mapping(std::string_view line);

// The executable mappings of one process at one moment. Immutable once made.
class Mappings {
 public:
  Mappings() = default;
  // Any order; of those that overlap the later ones are left out.
  explicit Mappings(std::vector<Mapping> mappings);

  // Null: nothing is mapped there that may be executed.
  const Mapping* find(uint64_t address) const;
  const std::vector<Mapping>& all() const { return mappings_; }
  bool operator==(const Mappings&) const = default;

 private:
  std::vector<Mapping> mappings_;  // by start
};

// Collects lines from pieces of text. Lines longer than any that the kernel writes are left out.
class MappingReader {
 public:
  void add(std::string_view piece);
  Mappings finish();

 private:
  void line(std::string_view text);

  std::string half_;       // a line whose end did not come yet
  bool too_long_ = false;  // ... and of which the rest is passed over
  std::vector<Mapping> mappings_;
};

// Of a process as it is now. Waits as long as the kernel holds the process's memory map. proc: the
// root of /proc.
Result<Mappings> read_mappings(Pid pid, const std::string& proc = "/proc");

}  // namespace sonde
