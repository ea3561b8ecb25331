// SPDX-License-Identifier: Apache-2.0
// Callers, and nothing else: compiled in every way that a C program is.
#include "tests/e2e/profiled/work.h"

APART void inner(void) {
  work_much(units(6));
  work_some(units(3));
  __asm__ volatile("");
}

APART void outer(void) {
  inner();
  __asm__ volatile("");
}

int main(void) {
  for (say_ready();;) {
    outer();
    work_little(units(1));
  }
}
