// SPDX-License-Identifier: Apache-2.0
// PerfMap: /tmp/perf-PID.map, the names that runtimes write for code they make (Node
// --perf-basic-prof, .NET, JVM agents, CPython's trampolines, PyPy, LuaJIT): a line each of
// "START SIZE name", both numbers hexadecimal. The file grows; what was read is not read again. One
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symbolizer/runtimes/code_map.h"
#include "symbolizer/runtimes/target_file.h"
#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde {

// Takes whole lines of `text` into `code`; gives how many bytes they were. Lines that say nothing
// are counted.
size_t read_perf_map(std::string_view text, CodeMap& code, uint64_t& malformed);

class PerfMap {
 public:
  static constexpr size_t kMaxRefresh = 64u << 20;  // bytes of one refresh; the next goes on
  static constexpr size_t kMaxLine = 8192;          // a longer one is skipped

  // `proc`: the process's directory in /proc; only borrowed. Fails if there is no map.
  static Result<PerfMap> open(int proc);

  // Reads what is new. A file that was replaced or written anew is read from its beginning.
  Result<> refresh();

  const CodeMap& code() const { return code_; }
  uint64_t malformed() const { return malformed_; }

 private:
  PerfMap(Fd proc, std::string path) : proc_(std::move(proc)), path_(std::move(path)) {}
  bool goes_on(int file, uint64_t inode, uint64_t size) const;

  Fd proc_;
  std::string path_;
  CodeMap code_;
  uint64_t inode_ = 0;
  uint64_t position_ = 0;  // behind the last whole line
  std::string last_read_;  // the bytes before position_: another writer's would differ
  uint64_t malformed_ = 0;
};

}  // namespace sonde
