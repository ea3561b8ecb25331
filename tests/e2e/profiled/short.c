// SPDX-License-Identifier: Apache-2.0
// Lives for 20 ms of CPU time.
#include "tests/e2e/profiled/work.h"

APART void inner(void) {
  work_much(units(6));
  work_some(units(3));
  __asm__ volatile("");
}

APART void life(void) {
  for (const int64_t end = used_us() + 20000; used_us() < end;) {
    inner();
    work_little(units(1));
  }
}

int main(void) {
  life();
  return 0;
}
