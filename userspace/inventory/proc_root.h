// SPDX-License-Identifier: Apache-2.0
// ProcRoot: reads processes from /proc, or from a tree that looks like it. Every read is bounded,
// and each process is read through one descriptor of its directory: the kernel answers for that
// very process or not at all, even if its pid is used again meanwhile. Reading may block for as
// long as the kernel holds a process's memory map: never call it from the thread that empties the
// ring.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/inventory/process.h"

namespace sonde {

enum class ProcFailure : uint8_t {
  kGone,       // it ended before or while it was read, or is a zombie: all that told of it is gone
  kDenied,     // not permitted
  kMalformed,  // what stands there is not what /proc has
};

constexpr uint32_t kMaxPid = 1u << 22;  // the kernel's own limit

class ProcRoot {
 public:
  explicit ProcRoot(std::string path = "/proc") : path_(std::move(path)) {}

  // An executable that may not be read (another user's process, without CAP_SYS_PTRACE) is left
  // empty and is no failure: the rest is still worth having.
  std::expected<Process, ProcFailure> read(Pid pid) const;

  // Whether read() sees what it declares; one that is gone or has no environment hides nothing.
  bool may_read_environment(Pid pid) const;

  // Calls `visit` with each pid there is, until it returns false. Fails if the tree cannot be read.
  Result<> for_each(const std::function<bool(Pid)>& visit) const;

 private:
  const std::string path_;
};

// The parts of /proc/PID, from bytes; apart, since they are fuzzed.
struct StatFacts {
  std::string_view command;  // of the text given
  char state = 0;
  Pid parent{};
  uint64_t start_ticks = 0;
  bool kernel_thread = false;
};
std::optional<StatFacts> parse_stat(std::string_view stat);
std::optional<uint32_t> parse_effective_user(std::string_view status);
// The path in the unified hierarchy, else in systemd's, else the first that is not the root;
// empty: none.
std::string_view parse_cgroup(std::string_view cgroup);
// The words as text, single spaces between them, cut to kMaxCommandLine.
std::string join_arguments(std::string_view command_line);
// Words between zero bytes, at most kMaxArguments.
std::vector<std::string_view> split_arguments(std::string_view command_line);

}  // namespace sonde
