// SPDX-License-Identifier: Apache-2.0
// What is given up is gone, and what is needed goes on. Whatever cannot be taken back is done in a
// child.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "tests/support/user_emulation.h"
#include "userspace/confine/call_filter.h"
#include "userspace/confine/capabilities.h"
#include "userspace/confine/landlock.h"

namespace sonde::confine {
namespace {

// What the child found wrong; empty: nothing.
std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) {
    return "no pipe";
  }
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string wrong = work();
    (void)!::write(ends[1], wrong.data(), wrong.size());
    ::_exit(wrong.empty() ? 0 : 1);
  }
  ::close(ends[1]);
  std::string wrong(4096, '\0');
  const ssize_t length = ::read(ends[0], wrong.data(), wrong.size());
  ::close(ends[0]);
  wrong.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
  int status = 0;
  ::waitpid(child, &status, 0);
  return wrong.empty() && status != 0 ? "ended with " + std::to_string(status) : wrong;
}

// The filter as the kernel would run it: only the instructions that ours has.
uint32_t verdict(const std::vector<sock_filter>& program, const seccomp_data& call) {
  uint32_t loaded = 0;
  for (size_t at = 0; at < program.size(); at++) {
    const sock_filter& each = program[at];
    bool jumps = false;
    switch (each.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&loaded, reinterpret_cast<const char*>(&call) + each.k, sizeof(loaded));
        continue;
      case BPF_RET | BPF_K:
        return each.k;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jumps = loaded == each.k;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jumps = loaded > each.k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jumps = (loaded & each.k) != 0;
        break;
      default:
        ADD_FAILURE() << "instruction " << each.code;
        return 0;
    }
    at += jumps ? each.jt : each.jf;
  }
  ADD_FAILURE() << "it runs over its end";
  return 0;
}

constexpr uint32_t kSelf = 4711;
#ifdef __x86_64__
constexpr uint32_t kHere = AUDIT_ARCH_X86_64;
constexpr uint32_t kElsewhere = AUDIT_ARCH_I386;
#else
constexpr uint32_t kHere = AUDIT_ARCH_AARCH64;
constexpr uint32_t kElsewhere = AUDIT_ARCH_ARM;
#endif

class Filter : public testing::Test {
 protected:
  // The errno that both filters together give; 0: allowed.
  uint32_t error(uint32_t number, uint8_t argument = 0, uint64_t value = 0,
                 uint32_t machine = kHere) const {
    seccomp_data call{};
    call.nr = static_cast<int>(number);
    call.arch = machine;
    call.args[argument] = value;
    for (const auto* program : {&unknown_, &refused_}) {
      const uint32_t action = verdict(*program, call);
      if (action != SECCOMP_RET_ALLOW) {
        EXPECT_EQ(action & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
        return action & SECCOMP_RET_DATA;
      }
    }
    return 0;
  }

  const std::vector<sock_filter> unknown_ = filter_program(call_rules(), Refusal::kUnknown, kSelf);
  const std::vector<sock_filter> refused_ =
      filter_program(call_rules(), Refusal::kNotPermitted, kSelf);
};

// An argument that the rule refuses, and one that it does not.
std::pair<uint32_t, uint32_t> arguments(const CallRule& rule) {
  switch (rule.when) {
    case When::kEqual:
      return {rule.value, 0x7fffffff};
    case When::kNotEqual:
      return {rule.value + 1, rule.value};
    case When::kAnyBit:
      return {rule.value, 0};
    case When::kNoBit:
      return {0, rule.value};
    case When::kNotSelf:
      return {1, kSelf};
    case When::kAlways:
      break;
  }
  return {0, 0};
}

TEST_F(Filter, GivesEveryRuleItsRefusalAndNoMore) {
  for (const CallRule& rule : call_rules()) {
    const auto [refused, allowed] = arguments(rule);
    const uint32_t wanted = rule.refusal == Refusal::kUnknown ? ENOSYS : EPERM;
    EXPECT_EQ(error(rule.call, rule.argument, refused), wanted) << rule.name;
    if (rule.when != When::kAlways) {
      EXPECT_EQ(error(rule.call, rule.argument, allowed), 0u) << rule.name;
    }
  }
}

TEST_F(Filter, LetsThroughWhatIsInNoRule) {
  std::set<uint32_t> ruled;
  for (const CallRule& rule : call_rules()) {
    ruled.insert(rule.call);
  }
  for (uint32_t number = 0; number <= kNewestCall; number++) {
    if (!ruled.contains(number)) {
      EXPECT_EQ(error(number), 0u) << number;
    }
  }
}

TEST_F(Filter, KnowsNoYoungerCallsAndNoOtherMachine) {
  EXPECT_EQ(error(kNewestCall + 1), ENOSYS);
  EXPECT_EQ(error(0x40000000), ENOSYS);  // x32's read
  EXPECT_EQ(error(SYS_read, 0, 0, kElsewhere), ENOSYS);
}

TEST_F(Filter, OpensForReadingOnly) {
  for (const uint32_t flags : {O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC,
                               O_TMPFILE | O_RDWR, O_WRONLY | O_APPEND | O_CLOEXEC}) {
    EXPECT_EQ(error(SYS_openat, 2, flags), EPERM) << flags;
  }
  EXPECT_EQ(error(SYS_openat, 2, O_RDONLY | O_CLOEXEC | O_DIRECTORY), 0u);
}

// What is tried, and whether it is refused.
std::string refused(const char* what, long result) {
  return result == -1 && errno == EPERM ? "" : std::string(what) + " was not refused; ";
}
std::string done(const char* what, bool success) {
  return success ? "" : std::string(what) + " was refused; ";
}

TEST(Confined, WhatIsLeftOutStaysAllowedAndNoMore) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  EXPECT_EQ(in_child([]() -> std::string {
              const auto left_out = [](const CallRule& rule) {
                return rule.name == "openat" || rule.name == "unlinkat";
              };
              if (auto filtered = filter_calls(left_out); !filtered) {
                return filtered.error().what;
              }
              return done("open to write", ::open("/dev/null", O_WRONLY) >= 0) +
                     done("unlinkat",
                          ::unlinkat(AT_FDCWD, "/nowhere/at/all", 0) == -1 && errno == ENOENT) +
                     refused("renameat", ::renameat(AT_FDCWD, "/nowhere", AT_FDCWD, "/at/all")) +
                     refused("socket", ::socket(AF_INET, SOCK_STREAM, 0));
            }),
            "");
}

TEST(Confined, TheKernelRefusesWhatTheTableSays) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  EXPECT_EQ(in_child([]() -> std::string {
              if (auto filtered = filter_calls(); !filtered) {
                return filtered.error().what;
              }
              char* const nothing[] = {nullptr};
              std::string wrong;
              wrong += refused("execve", ::execve("/bin/true", nothing, nothing));
              wrong += refused("fork", ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
              wrong += refused("socket", ::socket(AF_INET, SOCK_STREAM, 0));
              wrong += refused("netlink", ::socket(AF_NETLINK, SOCK_RAW, 0));
              wrong += refused("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
              wrong += refused("process_vm_writev", ::syscall(SYS_process_vm_writev, ::getpid(),
                                                              nothing, 0, nothing, 0, 0));
              wrong += refused("kill", ::kill(::getppid(), 0));
              wrong += refused("open to write", ::open("/dev/null", O_WRONLY));
              wrong += refused("unlink", ::unlink("/nowhere/at/all"));
              wrong += refused("bpf", ::syscall(SYS_bpf, 0 /* BPF_MAP_CREATE */, nullptr, 0));
              wrong += refused("code", ::mprotect(nullptr, 0, PROT_READ | PROT_EXEC));
              return wrong;
            }),
            "");
}

TEST(Confined, TheRestGoesOn) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  EXPECT_EQ(in_child([]() -> std::string {
              if (auto filtered = filter_calls(); !filtered) {
                return filtered.error().what;
              }
              std::string wrong;
              const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
              wrong += done("open to read", null >= 0);
              char byte = 0;
              wrong += done("read", ::read(null, &byte, 1) == 0);
              bool ran = false;
              std::thread([&ran] { ran = true; }).join();
              wrong += done("a thread", ran);
              wrong += done("a signal to itself", ::kill(::getpid(), 0) == 0);
              // A map that is none: the kernel says so, not the filter.
              wrong +=
                  done("bpf", ::syscall(SYS_bpf, 1 /* BPF_MAP_LOOKUP_ELEM */, nullptr, 0) == -1 &&
                                  (errno != EPERM || ::geteuid() != 0));
              return wrong;
            }),
            "");
}

TEST(Confined, ThreadsThatRunAlreadyAreFilteredToo) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  EXPECT_EQ(in_child([]() -> std::string {
              int ends[2];
              if (::pipe(ends) != 0) {
                return "no pipe";
              }
              std::string wrong;
              std::thread early([&] {
                char byte = 0;
                (void)!::read(ends[0], &byte, 1);
                wrong += refused("socket", ::socket(AF_INET, SOCK_STREAM, 0));
              });
              const auto filtered = filter_calls();
              (void)!::write(ends[1], "", 1);
              early.join();
              return filtered ? wrong : filtered.error().what;
            }),
            "");
}

TEST(Confined, CapabilitiesAreGoneForGood) {
  const auto held = effective_capabilities();
  ASSERT_TRUE(held);
  const CapabilitySet ptrace = capability(CAP_SYS_PTRACE);
  const CapabilitySet other = capability(CAP_CHOWN);
  if ((*held & ptrace) == 0 || (*held & other) == 0) {
    GTEST_SKIP() << "privilege: there is nothing to give up";
  }
  EXPECT_EQ(in_child([&]() -> std::string {
              std::string wrong;
              const auto without = works_without(ptrace, [&] {
                return effective_capabilities().value_or(0) == (*held & ~ptrace);
              });
              wrong += done("laying down", without.value_or(false));
              wrong += done("taking up", effective_capabilities().value_or(0) == *held);
              wrong += done("keeping", keep_only(ptrace).has_value());
              wrong += done("holding", effective_capabilities().value_or(0) == ptrace);
              CapabilitySet of_thread = ~CapabilitySet{0};
              std::thread([&] { of_thread = effective_capabilities().value_or(~0ull); }).join();
              wrong += done("handing on", of_thread == ptrace);
              (void)keep_only(ptrace | other);
              wrong += done("staying without", effective_capabilities().value_or(0) == ptrace);
              return wrong;
            }),
            "");
}

TEST(Confined, AThreadWithoutFilesLooksAtNoProcessEither) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no Landlock");
  if (landlock_version() == 0) {
    GTEST_SKIP() << "this kernel has no Landlock";
  }
  EXPECT_EQ(in_child([]() -> std::string {
              const int before = ::open("/proc/self/stat", O_RDONLY);
              char byte = 0;
              std::string parent = "/proc/" + std::to_string(::getppid()) + "/exe";
              char target[256];
              std::string wrong;
              wrong += done("looking at once", ::readlink(parent.c_str(), target, 256) > 0);
              if (auto shut = shut_file_system(); !shut) {
                return shut.error().what;
              }
              wrong += done("what is open", ::read(before, &byte, 1) == 1);
              const bool opened = ::open("/proc/self/stat", O_RDONLY) >= 0 || errno != EACCES;
              wrong += opened ? "a file was opened; " : "";
              const bool seen = ::readlink(parent.c_str(), target, 256) > 0;
              wrong += seen ? "another process was looked at; " : "";
              return wrong;
            }),
            "");
}

}  // namespace
}  // namespace sonde::confine
