// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/proc_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include "userspace/base/fd.h"
#include "userspace/inventory/service_name.h"

namespace sonde {
namespace {

constexpr size_t kMaxStat = 1024;
constexpr size_t kMaxStatus = 4096;  // the users stand in its first lines
constexpr size_t kMaxExecutable = 4096;
constexpr size_t kMaxArgumentsRead = 32'768;  // a Java class path stands before the class
constexpr size_t kMaxCgroupFile = 2 * kMaxCgroupPath;

ProcFailure failure_of(int error) {
  return error == EACCES || error == EPERM ? ProcFailure::kDenied : ProcFailure::kGone;
}

// At most max_bytes of a file: /proc files have no size to ask for.
std::expected<std::string, ProcFailure> read_some(int directory, const char* name,
                                                  size_t max_bytes) {
  const Fd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) {
    return std::unexpected(failure_of(errno));
  }
  std::string text(max_bytes, '\0');
  size_t used = 0;
  while (used < max_bytes) {
    const ssize_t n = ::read(fd.get(), text.data() + used, max_bytes - used);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return std::unexpected(failure_of(errno));
    }
    if (n == 0) {
      break;
    }
    used += static_cast<size_t>(n);
  }
  text.resize(used);
  return text;
}

// Empty, with errno, if it cannot be read.
std::string read_link(int directory, const char* name) {
  std::string target(kMaxExecutable, '\0');
  const ssize_t n = ::readlinkat(directory, name, target.data(), target.size());
  target.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return target;
}

std::string joined(const std::string& arguments) {
  std::string text = arguments.substr(0, kMaxCommandLine);
  while (!text.empty() && text.back() == '\0') {
    text.pop_back();  // the end of the last word, and what a rewritten title leaves
  }
  for (char& c : text) {
    c = c == '\0' ? ' ' : c;
  }
  return text;
}

}  // namespace

std::expected<Process, ProcFailure> ProcRoot::read(Pid pid) const {
  const std::string directory_path = fmt::format("{}/{}", path_, static_cast<uint32_t>(pid));
  const Fd directory(::open(directory_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) {
    return std::unexpected(failure_of(errno));
  }
  const auto stat = read_some(directory.get(), "stat", kMaxStat);
  const auto status = stat ? read_some(directory.get(), "status", kMaxStatus) : stat;
  const auto arguments = status ? read_some(directory.get(), "cmdline", kMaxArgumentsRead) : status;
  if (!arguments) {
    return std::unexpected(arguments.error());
  }
  const std::optional<StatFacts> facts = parse_stat(*stat);
  if (!facts) {
    return std::unexpected(ProcFailure::kMalformed);
  }
  if (facts->state == 'Z' || facts->state == 'X') {
    return std::unexpected(ProcFailure::kGone);
  }
  Process process;
  process.pid = pid;
  process.start_ticks = facts->start_ticks;
  process.parent = facts->parent;
  process.user = parse_effective_user(*status);
  process.executable = read_link(directory.get(), "exe");
  if (process.executable.empty() && errno == ENOENT && !facts->kernel_thread) {
    return std::unexpected(ProcFailure::kGone);  // it is ending: its memory is gone already
  }
  process.command_line = joined(*arguments);
  // Kernels without control groups have no such file.
  process.cgroup = parse_cgroup(read_some(directory.get(), "cgroup", kMaxCgroupFile).value_or(""));
  process.service_name =
      service_name(process.executable, split_arguments(*arguments), facts->command);
  return process;
}

Result<> ProcRoot::for_each(const std::function<bool(Pid)>& visit) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path_.c_str()), ::closedir);
  if (directory == nullptr) {
    return fail_errno(path_, errno);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    uint32_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || pid == 0 || pid > kMaxPid) {
      continue;
    }
    if (!visit(Pid{pid})) {
      break;
    }
  }
  return {};
}

}  // namespace sonde
