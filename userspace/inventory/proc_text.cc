// SPDX-License-Identifier: Apache-2.0
// The texts of /proc/PID.
#include <algorithm>
#include <charconv>

#include "userspace/inventory/proc_root.h"

namespace sonde {
namespace {

constexpr uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD of the kernel's include/linux/sched.h

// The text up to the separator, which is passed as well.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<StatFacts> parse_stat(std::string_view stat) {
  // "PID (COMMAND) STATE PPID ...": the command may hold anything, the last parenthesis ends it.
  const size_t open = stat.find('(');
  const size_t close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
      close + 2 > stat.size()) {
    return std::nullopt;
  }
  StatFacts facts;
  facts.command = stat.substr(open + 1, close - open - 1);
  std::string_view rest = stat.substr(close + 2);
  // Counted as in proc(5): 3 is the state, 4 the parent, 9 the flags, 22 the start.
  uint32_t parent = 0;
  uint64_t flags = 0;
  for (int field = 3; field <= 22; ++field) {
    const std::string_view text = take_until(rest, ' ');
    if (field == 3 && !text.empty()) {
      facts.state = text[0];
    }
    if (field == 4 && !parse_number(text, parent)) {
      return std::nullopt;
    }
    if (field == 9 && !parse_number(text, flags)) {
      return std::nullopt;
    }
    if (field == 22 && (!parse_number(text, facts.start_ticks) || facts.start_ticks == 0)) {
      // 0 is "not known" to us; only the first process of a machine could have it.
      if (text != "0") {
        return std::nullopt;
      }
      facts.start_ticks = 1;
    }
  }
  facts.parent = Pid{parent};
  facts.kernel_thread = (flags & kKernelThread) != 0;
  return facts;
}

std::optional<uint32_t> parse_effective_user(std::string_view status) {
  while (!status.empty()) {
    std::string_view line = take_until(status, '\n');
    constexpr std::string_view kKey = "Uid:\t";
    if (line.starts_with(kKey)) {
      line.remove_prefix(kKey.size());
      take_until(line, '\t');  // the real user
      uint32_t user = 0;
      return parse_number(take_until(line, '\t'), user) ? std::optional(user) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::string_view parse_cgroup(std::string_view cgroup) {
  std::string_view systemd;
  std::string_view first;  // of the others, the first that says something
  while (!cgroup.empty()) {
    std::string_view line = take_until(cgroup, '\n');
    const std::string_view number = take_until(line, ':');
    const std::string_view controllers = take_until(line, ':');
    if (!line.starts_with('/')) {
      continue;
    }
    // On a host that mounts both, the unified hierarchy is often there but unused: its path is the
    // root.
    if (number == "0" && controllers.empty() && line != "/") {
      return line;
    }
    systemd = controllers == "name=systemd" ? line : systemd;
    first = first.size() <= 1 ? line : first;
  }
  // Without systemd its hierarchy is the root for all, and runtimes make groups in the others.
  return systemd.size() > 1 ? systemd : first;
}

std::vector<std::string_view> split_arguments(std::string_view command_line) {
  std::vector<std::string_view> words;
  while (!command_line.empty() && words.size() < kMaxArguments) {
    words.push_back(take_until(command_line, '\0'));
  }
  return words;
}

}  // namespace sonde
