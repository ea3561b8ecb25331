// SPDX-License-Identifier: Apache-2.0
// Attaches empty programs to the hooks of Sonde's door, says so, and holds them until SIGTERM.
#include <fmt/core.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "skel/empty_hooks.skel.h"

int main() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);

  empty_hooks_bpf* hooks = empty_hooks_bpf__open_and_load();
  if (hooks == nullptr || empty_hooks_bpf__attach(hooks) != 0) {
    fmt::print(stderr, "the hooks cannot be attached: {}\n", std::strerror(errno));
    empty_hooks_bpf__destroy(hooks);
    return 1;
  }
  fmt::print("attached\n");
  std::fflush(stdout);
  int signal_number = 0;
  sigwait(&ends, &signal_number);
  empty_hooks_bpf__destroy(hooks);
  return 0;
}
