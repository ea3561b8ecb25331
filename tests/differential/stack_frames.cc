// SPDX-License-Identifier: Apache-2.0
// The stack of a stopped process's main thread as a profile would have it, of a copy: one address
// of each frame a line, the innermost first, then how it ended. For stacks_differential.py.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "symbolizer/store/store.h"
#include "userspace/base/fd.h"
#include "userspace/pipeline/unwinding.h"

namespace sonde {
namespace {

constexpr size_t kMostStack = 4u << 20;

#if defined(__x86_64__)
// By DWARF's numbers: rax rdx rcx rbx rsi rdi rbp rsp r8 ... r15.
std::array<uint64_t, 16> by_dwarf(const user_regs_struct& is) {
  return {is.rax, is.rdx, is.rcx, is.rbx, is.rsi, is.rdi, is.rbp, is.rsp,
          is.r8,  is.r9,  is.r10, is.r11, is.r12, is.r13, is.r14, is.r15};
}

bool read_registers(pid_t pid, user_regs_struct& to) {
  int status = 0;
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) {
    return false;
  }
  const bool read = ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) == 0 &&
                    ::waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
                    ::ptrace(PTRACE_GETREGS, pid, nullptr, &to) == 0;
  ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  return read;
}

constexpr uint64_t kBelow = 128;  // what a function may keep below its stack pointer

// From there on, as far as it goes.
std::vector<uint8_t> read_stack(pid_t pid, uint64_t from) {
  std::vector<uint8_t> out(kMostStack);
  const Fd memory(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t n = ::pread(memory.get(), out.data(), out.size(), static_cast<off_t>(from));
  out.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return out;
}

int print_stack(pid_t pid, const char* folder) {
  user_regs_struct is{};
  const auto store = Store::open(folder);
  if (!store || !read_registers(pid, is)) {
    fmt::print(stderr, "{}: {}\n", pid, store ? std::strerror(errno) : store.error().what);
    return 1;
  }
  const std::array<uint64_t, 16> registers = by_dwarf(is);
  const std::vector<uint8_t> bytes = read_stack(pid, is.rsp - kBelow);
  const CopiedStack copied{.pc = is.rip,
                           .sp = is.rsp,
                           .fp = is.rbp,
                           .exact = true,
                           .innermost = true,
                           .registers = registers,
                           .address = is.rsp - kBelow,
                           .bytes = bytes};
  SampledProcesses processes([](Pid) { return nullptr; }, [](const Process*) { return true; });
  Unwinding unwinding(processes, nullptr, &*store);
  const StackSample sample{.time_ns = 1,
                           .pid = Pid{static_cast<uint32_t>(pid)},
                           .name = {},
                           .kernel = {},
                           .user = {},
                           .missed = true,
                           .copied = &copied};
  for (const uint64_t address : unwinding.frames_of(*processes.of(sample), sample)) {
    fmt::print("{:#x}\n", address);
  }
  const UnwindingCounts& counts = unwinding.counts();
  for (size_t end = 0; end < counts.ends.size(); end++) {
    if (counts.ends[end] > 0) {
      fmt::print("{}{}\n", name_of(static_cast<sonde_step>(end)),
                 counts.guessed > 0 ? " guessed" : "");
    }
  }
  return 0;
}
#else
int print_stack(pid_t, const char*) { return 1; }
#endif

}  // namespace
}  // namespace sonde

// NOLINTNEXTLINE(bugprone-exception-escape): for a differential; it ends then, and that is told
int main(int argc, char** argv) {
  pid_t pid = 0;
  if (argc != 3 ||
      std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), pid).ec != std::errc()) {
    fmt::print(stderr, "usage: stack_frames PID FOLDER\n");
    return 2;
  }
  return sonde::print_stack(pid, argv[2]);
}
