// SPDX-License-Identifier: Apache-2.0
// What the programs of profile_truth_e2e.py and busy.py are busy with: three functions of one body,
// whose shares of CPU time are the turns that they are told to make.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UNIT 20000L /* turns: some 20 us */

// Another function, and nothing of it in its callers.
#ifdef __clang__
#define APART __attribute__((noinline))
#else
#define APART __attribute__((noipa))
#endif

// Each turn waits for the product of the one before: where the linker puts the loop does not
// matter.
#define WORK(name)                                               \
  static APART __attribute__((used)) uint64_t name(long turns) { \
    uint64_t x = 1;                                              \
    for (long i = 0; i < turns; i++) {                           \
      x = x * 6364136223846793005u + 1442695040888963407u;       \
      __asm__ volatile("" : "+r"(x));                            \
    }                                                            \
    __asm__ volatile("# " #name);                                \
    return x;                                                    \
  }
WORK(work_much)
WORK(work_some)
WORK(work_little)

// So many units, more or less by half: what is drawn by chance keeps no step with the profiler's
// clock.
static inline long units(long count) {
  static __thread uint64_t state;
  if (state == 0) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state = (uint64_t)now.tv_nsec;
  }
  state = state * 6364136223846793005u + 1442695040888963407u;
  const long most = count * UNIT;
  return most / 2 + (long)((state >> 33) % (uint64_t)most);
}

// CPU time of this thread.
static inline int64_t used_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

static inline void say_ready(void) {
  puts("ready");
  fflush(stdout);
}

#ifdef __cplusplus
}
#endif
