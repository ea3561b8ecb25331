// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/proc_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
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
constexpr size_t kMaxEnvironment = 256 << 10;  // what stands beyond it is not seen

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
  constexpr size_t kFirstRead = 4096;
  std::string text(std::min(max_bytes, kFirstRead), '\0');
  size_t used = 0;
  while (used < max_bytes) {
    if (used == text.size()) {
      text.resize(std::min(max_bytes, 4 * used));
    }
    const ssize_t n = ::read(fd.get(), text.data() + used, text.size() - used);
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

}  // namespace

std::string join_arguments(std::string_view arguments) {
  std::string text(arguments.substr(0, kMaxCommandLine));
  while (!text.empty() && text.back() == '\0') {
    text.pop_back();  // the end of the last word, and what a rewritten title leaves
  }
  for (char& c : text) {
    c = c == '\0' ? ' ' : c;
  }
  return text;
}

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
  if (process.executable.empty() && !facts->kernel_thread) {
    const bool memory_gone = errno == ENOENT;  // it is ending
    // Of one that is gone altogether the kernel says that we are not permitted.
    const auto still = read_some(directory.get(), "stat", kMaxStat);
    const std::optional<StatFacts> now = still ? parse_stat(*still) : std::nullopt;
    if (memory_gone || !now || now->state == 'Z' || now->state == 'X') {
      return std::unexpected(ProcFailure::kGone);
    }
  }
  process.command_line = join_arguments(*arguments);
  // Kernels without control groups have no such file.
  process.cgroup = parse_cgroup(read_some(directory.get(), "cgroup", kMaxCgroupFile).value_or(""));
  // The environment is its owner's and ours alone: without the right to read it, it says nothing.
  if (std::optional<Declared> declared =
          read_declared(read_some(directory.get(), "environ", kMaxEnvironment).value_or(""))) {
    process.declared = std::make_shared<const Declared>(std::move(*declared));
  }
  ProgramName program =
      read_program(process.executable, split_arguments(*arguments), facts->command);
  process.program = std::move(program.name);
  process.program_is_interpreter = program.interpreter;
  return process;
}

bool ProcRoot::may_read_environment(Pid pid) const {
  const std::string path = fmt::format("{}/{}/environ", path_, static_cast<uint32_t>(pid));
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd.ok() || failure_of(errno) != ProcFailure::kDenied;
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
