// SPDX-License-Identifier: Apache-2.0
#include "userspace/confine/only_calls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace sonde::confine {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kMachine = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kMachine = AUDIT_ARCH_AARCH64;
#endif

constexpr uint32_t kReaderCalls[] = {
    SYS_read,        SYS_pread64,         SYS_write,        SYS_pwrite64,      SYS_lseek,
    SYS_fstat,       SYS_newfstatat,      SYS_close,        SYS_mmap,          SYS_munmap,
    SYS_mremap,      SYS_madvise,         SYS_brk,          SYS_futex,         SYS_sendmsg,
    SYS_exit,        SYS_exit_group,      SYS_rt_sigreturn, SYS_rt_sigaction,  SYS_rt_sigprocmask,
    SYS_getpid,      SYS_gettid,          SYS_tgkill,       SYS_clock_gettime, SYS_getrandom,
    SYS_sched_yield, SYS_restart_syscall, SYS_ftruncate,    SYS_sysinfo};

// What libraries try, and do without.
constexpr uint32_t kByName[] = {SYS_openat, SYS_readlinkat, SYS_faccessat, SYS_statx,
#ifdef __x86_64__
                                SYS_open,   SYS_readlink,   SYS_access,    SYS_stat,
                                SYS_lstat
#endif
};

constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;

}  // namespace

std::span<const uint32_t> calls_of_a_reader() { return kReaderCalls; }

Result<> allow_only(std::span<const uint32_t> calls) {
  const sock_filter end = {.code = kReturn, .jt = 0, .jf = 0, .k = SECCOMP_RET_KILL_PROCESS};
  const sock_filter allow = {.code = kReturn, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  const sock_filter refuse = {.code = kReturn, .jt = 0, .jf = 0, .k = SECCOMP_RET_ERRNO | EACCES};
  std::vector<sock_filter> code = {
      {.code = kLoad, .jt = 0, .jf = 0, .k = offsetof(seccomp_data, arch)},
      {.code = kIfEqual, .jt = 1, .jf = 0, .k = kMachine},
      end,
      {.code = kLoad, .jt = 0, .jf = 0, .k = offsetof(seccomp_data, nr)}};
  const auto answer = [&](std::span<const uint32_t> these, const sock_filter& with) {
    for (const uint32_t call : these) {
      code.push_back({.code = kIfEqual, .jt = 0, .jf = 1, .k = call});
      code.push_back(with);
    }
  };
  answer(calls, allow);
  answer(kByName, refuse);
  code.push_back(end);
  const sock_fprog program = {.len = static_cast<uint16_t>(code.size()), .filter = code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return fail_errno("allow a few system calls only", errno);
  }
  return {};
}

}  // namespace sonde::confine
