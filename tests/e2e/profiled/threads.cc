// SPDX-License-Identifier: Apache-2.0
// Three threads that wait for one another after each round.
#include <pthread.h>

#include <thread>

#include "tests/e2e/profiled/work.h"

namespace {

pthread_barrier_t round_end;

template <typename Work>
void rounds(Work work) {
  for (;;) {
    work();
    pthread_barrier_wait(&round_end);
  }
}

}  // namespace

int main() {
  pthread_barrier_init(&round_end, nullptr, 3);
  std::thread much([] { rounds([] { work_much(units(60)); }); });
  std::thread some([] { rounds([] { work_some(units(30)); }); });
  say_ready();
  rounds([] { work_little(units(10)); });
}
