// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/signals.h"

#include <unistd.h>

#include <csignal>
#include <ctime>

namespace sonde::cli {
namespace {

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void end_waiting() { ::kill(::getpid(), SIGTERM); }

int wait_for_signal() {
  const sigset_t set = our_signals();
  int signal = 0;
  while (sigwait(&set, &signal) != 0) {
  }
  return signal;
}

int wait_for_signal(uint64_t ns) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const sigset_t set = our_signals();
  const timespec time{.tv_sec = static_cast<time_t>(ns / kSecond),
                      .tv_nsec = static_cast<long>(ns % kSecond)};
  const int signal = sigtimedwait(&set, nullptr, &time);
  return signal > 0 ? signal : 0;
}

}  // namespace sonde::cli
