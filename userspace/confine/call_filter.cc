// SPDX-License-Identifier: Apache-2.0
#include "userspace/confine/call_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace sonde::confine {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kMachine = AUDIT_ARCH_AARCH64;
#else
#error "which machine is this to the kernel's audit?"
#endif

constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kIfGreater = BPF_JMP | BPF_JGT | BPF_K;
constexpr uint16_t kIfAnyBit = BPF_JMP | BPF_JSET | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;

sock_filter load(size_t offset) {
  return {.code = kLoad, .jt = 0, .jf = 0, .k = static_cast<uint32_t>(offset)};
}

sock_filter load_number() { return load(offsetof(seccomp_data, nr)); }

// The lower half, which is all that is looked at of an int, and where all flags are.
sock_filter load_argument(uint8_t index) {
  return load(offsetof(seccomp_data, args) + index * sizeof(uint64_t));
}

sock_filter answer(uint32_t action) { return {.code = kReturn, .jt = 0, .jf = 0, .k = action}; }

uint32_t action_of(Refusal refusal) {
  return SECCOMP_RET_ERRNO | (refusal == Refusal::kUnknown ? ENOSYS : EPERM);
}

// Goes on with the next instruction if the argument is one to refuse, else skips it.
sock_filter test(const CallRule& rule, uint32_t self) {
  switch (rule.when) {
    case When::kAlways:
      break;
    case When::kEqual:
      return {.code = kIfEqual, .jt = 0, .jf = 1, .k = rule.value};
    case When::kNotEqual:
      return {.code = kIfEqual, .jt = 1, .jf = 0, .k = rule.value};
    case When::kAnyBit:
      return {.code = kIfAnyBit, .jt = 0, .jf = 1, .k = rule.value};
    case When::kNoBit:
      return {.code = kIfAnyBit, .jt = 1, .jf = 0, .k = rule.value};
    case When::kNotSelf:
      return {.code = kIfEqual, .jt = 1, .jf = 0, .k = self};
  }
  return {.code = kIfAnyBit, .jt = 0, .jf = 0, .k = 0};
}

Result<> install(std::span<const CallRule> rules, Refusal refusal) {
  auto code = filter_program(rules, refusal, static_cast<uint32_t>(::getpid()));
  const sock_fprog program = {.len = static_cast<uint16_t>(code.size()), .filter = code.data()};
  const uint32_t told = refusal == Refusal::kNotPermitted ? SECCOMP_FILTER_FLAG_LOG : 0;
  const long done =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | told, &program);
  if (done > 0) {
    return fail("filter system calls: another thread has a filter of its own");
  }
  return done == 0 ? Result<>() : fail_errno("filter system calls", errno);
}

}  // namespace

std::vector<sock_filter> filter_program(std::span<const CallRule> rules, Refusal refusal,
                                        uint32_t self) {
  const sock_filter refuse = answer(action_of(refusal));
  // Whatever else the number of a call may mean on another machine, here it means this.
  std::vector<sock_filter> out = {load(offsetof(seccomp_data, arch)),
                                  {.code = kIfEqual, .jt = 1, .jf = 0, .k = kMachine},
                                  refuse,
                                  load_number()};
  if (refusal == Refusal::kUnknown) {
    // The calls of x32 are among them: their numbers have a bit above all others.
    out.push_back({.code = kIfGreater, .jt = 0, .jf = 1, .k = kNewestCall});
    out.push_back(refuse);
  }
  for (const CallRule& rule : rules) {
    if (rule.refusal != refusal) {
      continue;
    }
    if (rule.when == When::kAlways) {
      out.push_back({.code = kIfEqual, .jt = 0, .jf = 1, .k = rule.call});
      out.push_back(refuse);
      continue;
    }
    out.push_back({.code = kIfEqual, .jt = 0, .jf = 4, .k = rule.call});
    out.push_back(load_argument(rule.argument));
    out.push_back(test(rule, self));
    out.push_back(refuse);
    out.push_back(load_number());
  }
  out.push_back(answer(SECCOMP_RET_ALLOW));
  return out;
}

Result<> filter_calls(LeftOut left_out) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail_errno("give up new privileges", errno);
  }
  // Two, since whether a refusal is told in the audit log is said for a filter as a whole. A thread
  // that is started is no news, though clone3 is refused each time.
  std::vector<CallRule> rules(call_rules().begin(), call_rules().end());
  if (left_out != nullptr) {
    std::erase_if(rules, left_out);
  }
  auto done = install(rules, Refusal::kUnknown);
  return done ? install(rules, Refusal::kNotPermitted) : done;
}

}  // namespace sonde::confine
