/* SPDX-License-Identifier: Apache-2.0 */
/* A busy stack of known names, for a profile: main calls outer calls middle calls inner, none of
 * which keeps a frame pointer. Ends by itself after as many seconds as the argument says. */
#include <stdlib.h>
#include <time.h>

#define PLAIN __attribute__((noipa, optimize("omit-frame-pointer")))

/* A leaf: on arm64 its return address is in a register alone. */
PLAIN static unsigned leaf(unsigned turns) {
  unsigned sum = turns;

  for (unsigned i = 0; i < turns; i++) {
    sum = sum * 31 + i;
    __asm__ volatile("" : "+r"(sum));
  }
  return sum;
}

PLAIN static unsigned inner(time_t until) {
  volatile char room[100] = {0};
  unsigned sum = 0;

  while (time(0) < until) sum += leaf(1000000) + room[sum % 100];
  return sum;
}

/* What follows a call keeps it from being a jump. */
PLAIN static unsigned middle(time_t until) { return inner(until) + 1; }
PLAIN static unsigned outer(time_t until) { return middle(until) + 1; }

int main(int count, char** words) { return outer(time(0) + (count > 1 ? atoi(words[1]) : 1)) == 1; }
