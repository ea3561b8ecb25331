// SPDX-License-Identifier: Apache-2.0
// Calls through frames of assembly.S.
#include "tests/e2e/profiled/work.h"

void saves_all(void (*callee)(void));
void aligns(void (*callee)(void));
void pushes(long turns);

static void through_both(void) {
  work_much(units(6));
  __asm__ volatile("");
}
static void through_one(void) {
  aligns(through_both);
  __asm__ volatile("");
}

APART void pushing(void) {
  for (const int64_t end = used_us() + 1000; used_us() < end;) pushes(10000);
}

APART void calling(void) {
  for (const int64_t end = used_us() + 1000; used_us() < end;) saves_all(through_one);
}

int main(void) {
  for (say_ready();;) {
    pushing();
    calling();
  }
}
