// SPDX-License-Identifier: Apache-2.0
// Attaches empty programs to the hooks of one of Sonde's doors, says so, and holds them until
// SIGTERM. usage: empty_hooks socktp|fexit|syscall
#include <bpf/libbpf.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "skel/empty_fexit.skel.h"
#include "skel/empty_socktp.skel.h"
#include "skel/empty_syscall.skel.h"

namespace {

// Until this process ends.
bool attach_all(const void* elf, size_t size) {
  bpf_object* object = bpf_object__open_mem(elf, size, nullptr);
  if (object == nullptr || bpf_object__load(object) != 0) {
    return false;
  }
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object) {
    if (bpf_program__attach(each) == nullptr) {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int count, char** words) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);

  const std::string_view door = count > 1 ? words[1] : "";
  size_t size = 0;
  const void* elf = door == "fexit"     ? empty_fexit_bpf__elf_bytes(&size)
                    : door == "syscall" ? empty_syscall_bpf__elf_bytes(&size)
                                        : empty_socktp_bpf__elf_bytes(&size);
  if (!attach_all(elf, size)) {
    std::fprintf(stderr, "the hooks cannot be attached: %s\n", std::strerror(errno));
    return 1;
  }
  std::puts("attached");
  std::fflush(stdout);
  int signal_number = 0;
  sigwait(&ends, &signal_number);
  return 0;
}
