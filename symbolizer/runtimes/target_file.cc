// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/target_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "userspace/base/root_file.h"

namespace sonde {
namespace {

constexpr size_t kMaxStatus = 4096;  // both lines stand in the first kilobyte
constexpr std::string_view kBlanks = " \t";

// The word at `index` of the line that begins with `key`.
std::string_view word_of_line(std::string_view text, std::string_view key, size_t index) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(key)) {
      continue;
    }
    line.remove_prefix(key.size());
    std::string_view word;
    for (size_t i = 0; i <= index; ++i) {
      const size_t begin = line.find_first_not_of(kBlanks);
      if (begin == std::string_view::npos) {
        return index == SIZE_MAX ? word : std::string_view();
      }
      line.remove_prefix(begin);
      word = line.substr(0, line.find_first_of(kBlanks));
      line.remove_prefix(word.size());
    }
    return word;
  }
  return {};
}

std::optional<uint32_t> number(std::string_view word) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<TargetProcess> parse_target_process(std::string_view status) {
  const auto user = number(word_of_line(status, "Uid:", 1));
  auto pid = number(word_of_line(status, "NSpid:", SIZE_MAX));  // the last word
  if (!pid) {
    pid = number(word_of_line(status, "Pid:", 0));  // a kernel without namespaces of processes
  }
  if (!user || !pid) {
    return std::nullopt;
  }
  return TargetProcess{.user = *user, .own_pid = *pid};
}

Result<TargetProcess> read_target_process(int proc) {
  const Fd file(::openat(proc, "status", O_RDONLY | O_CLOEXEC));
  if (!file.ok()) {
    return fail_errno("status", errno);
  }
  std::array<char, kMaxStatus> text{};
  const ssize_t n = ::read(file.get(), text.data(), text.size());
  if (n < 0) {
    return fail_errno("status", errno);
  }
  const auto facts = parse_target_process({text.data(), static_cast<size_t>(n)});
  if (!facts) {
    return fail("status: not what /proc has");
  }
  return *facts;
}

Result<Fd> open_target_file(int proc, const TargetProcess& process, std::string_view path) {
  const Fd root(::openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) {
    return fail_errno("the process's root", errno);
  }
  auto file = open_in_root(root.get(), path, LastLink::kRefuse);
  if (!file) {
    return file;
  }
  struct stat facts{};
  if (::fstat(file->get(), &facts) != 0) {
    return fail_errno(std::string(path), errno);
  }
  if (facts.st_uid != process.user) {
    return fail(
        fmt::format("{}: is user {}'s, the process is user {}'s", path, facts.st_uid, process.user),
        EPERM);
  }
  return file;
}

}  // namespace sonde
