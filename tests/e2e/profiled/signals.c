// SPDX-License-Identifier: Apache-2.0
// A handler on a stack of its own, that interrupts work at any instruction: once in each round.
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "tests/e2e/profiled/work.h"

static volatile sig_atomic_t handled;

static void on_alarm(int number) {
  work_some(units(30));
  handled = number;
}

APART void interrupted(void) {
  work_much(units(70));
  __asm__ volatile("");
}

int main(void) {
  const stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, NULL);
  const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK};
  sigaction(SIGALRM, &action, NULL);
  sigset_t none, alarm;
  sigemptyset(&none);
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  for (say_ready();;) {
    handled = 0;
    const struct itimerval soon = {.it_value = {.tv_usec = 100 + units(1) % 1000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    interrupted();
    // It may be that it has not come yet.
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    while (!handled) sigsuspend(&none);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL);
  }
}
