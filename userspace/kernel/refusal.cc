// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/refusal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "userspace/base/fd.h"
#include "userspace/kernel/lockdown.h"

namespace sonde {
namespace {

// The kernel's own ENOTSUPP, which no header for user space has.
constexpr int kNotSupported = 524;

bool can_make_array(uint64_t bytes) {
  constexpr uint32_t kMost = 1U << 30;
  const auto size = static_cast<uint32_t>(std::min<uint64_t>(bytes, kMost));
  return Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", sizeof(uint32_t), size, 1, nullptr)).ok();
}

// Before Linux 5.11 maps and programs count as locked memory. Found out by a map that is too large
// for the limit: a kernel that counts otherwise has room for it.
std::string too_little_locked_memory() {
  constexpr uint64_t kBelow = 1U << 30;
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= kBelow ||
      !can_make_array(sizeof(uint64_t)) || can_make_array(limit.rlim_cur + 4096)) {
    return {};
  }
  return fmt::format(
      "this kernel counts BPF as locked memory, of which {} KiB are allowed: raise the limit "
      "(ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit) or grant CAP_SYS_RESOURCE",
      limit.rlim_cur >> 10);
}

// An empty program there. 0, or why not.
int try_program(bpf_attach_type where, const char* name) {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  const int id = libbpf_find_vmlinux_btf_id(name, where);
  if (id <= 0) {
    return ENOENT;
  }
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = where;
  options.attach_btf_id = static_cast<uint32_t>(id);
  const Fd program(bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "Dual BSD/GPL", code,
                                 std::size(code), &options));
  return program.ok() ? 0 : errno;
}

}  // namespace

bool refuses_programs_at_functions() {
  return try_program(BPF_TRACE_FEXIT, "inet_sendmsg") == EPERM &&
         try_program(BPF_TRACE_RAW_TP, "inet_sock_set_state") == 0;
}

std::string cause_of_refusal(int error, bool at_functions) {
  if (error == kNotSupported) {
    return "this kernel runs these programs only with its BPF compiler: sysctl "
           "net.core.bpf_jit_enable=1";
  }
  if (error == EAGAIN) {
    return "signals interrupted the kernel while it read the programs: start it again";
  }
  if (lockdown() == Lockdown::kConfidentiality) {
    return "the kernel is locked down so that no program may read its memory: boot it with "
           "lockdown=integrity";
  }
  if (error == EPERM && at_functions && refuses_programs_at_functions()) {
    return "this kernel allows nobody a program at its functions (fentry, fexit), at tracepoints "
           "it does: a policy of its own, which no privilege lifts";
  }
  return error == EPERM ? too_little_locked_memory() : std::string();
}

std::string cause_of_no_attachment(int error) {
  return error == kNotSupported
             ? "this kernel has no place for programs at its functions (arm64: since Linux 6.4)"
             : std::string();
}

}  // namespace sonde
