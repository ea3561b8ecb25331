// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/preemption.h"

#include <bpf/bpf.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "bpf/shared/preemption.h"
#include "skel/probe_preemption.skel.h"
#include "userspace/base/fd.h"
#include "userspace/base/log.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/kernel_types.h"

namespace sonde {
namespace {

void move_a_byte() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return;
  }
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  (void)send(one.get(), "", 1, MSG_DONTWAIT);
}

std::string own_version() {
  utsname kernel{};
  uname(&kernel);
  return kernel.version;
}

bool is_built_for_preemption(std::string_view version) { return version.contains("PREEMPT"); }

bool probe() {
  if (!kernel_types().own) {
    return false;  // the functions that keep a CPU are called by type
  }
  if (!is_built_for_preemption(own_version())) {
    return false;  // nor does it count who keeps one, which is what is looked at
  }
  size_t size = 0;
  const void* elf = probe_preemption_bpf__elf_bytes(&size);
  MapPool pool;
  auto object = BpfObject::open("probe_preemption", elf, size);
  if (!object || !(*object)->load(pool) || !(*object)->attach()) {
    return false;
  }
  move_a_byte();
  const uint32_t zero = 0;
  uint32_t answer = SONDE_PREEMPTION_UNKNOWN;
  bpf_map_lookup_elem((*object)->map_fd("preemption"), &zero, &answer);
  log::debug("programs at tracepoints are {}",
             answer == SONDE_PREEMPTION_POSSIBLE ? "interruptible" : "not interruptible");
  return answer == SONDE_PREEMPTION_POSSIBLE;
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool ask_kernel() {
  const bool answer = kernel_is_interruptible(
      own_version(), first_line("/sys/kernel/debug/sched/preempt"), first_line("/proc/cmdline"));
  log::debug("programs at functions are {}", answer ? "interruptible" : "not interruptible");
  return answer;
}

// The last "preempt=" of a command line; empty: there is none.
std::string mode_asked_for(std::string_view command_line) {
  constexpr std::string_view kOption = "preempt=";
  std::istringstream words{std::string(command_line)};
  std::string asked;
  for (std::string word; words >> word;) {
    if (word.starts_with(kOption)) {
      asked = word.substr(kOption.size());
    }
  }
  return asked;
}

}  // namespace

bool programs_are_interruptible() {
  static const bool answer = probe();
  return answer;
}

bool programs_at_functions_are_interruptible() {
  static const bool answer = ask_kernel();
  return answer;
}

bool kernel_is_interruptible(std::string_view version, std::string_view mode,
                             std::string_view command_line) {
  if (!is_built_for_preemption(version)) {
    return false;
  }
  if (!version.contains("PREEMPT_DYNAMIC")) {
    return true;
  }
  // "none (voluntary) full": the one in brackets holds.
  if (!mode.empty()) {
    return !mode.contains("(none)") && !mode.contains("(voluntary)");
  }
  const std::string asked = mode_asked_for(command_line);
  return asked != "none" && asked != "voluntary";
}

bool programs_can_keep_their_cpu() { return has_function("bpf_preempt_disable"); }

}  // namespace sonde
