# SPDX-License-Identifier: Apache-2.0
"""Those who read what we write, as far as scripts/fetch has brought them; and a program for them to read about."""
import glob

from harness import skip
from processes import CACHE


def cached(pattern, how):
    """What the cache has under this name; without it the test is skipped, and says how to get it."""
    found = sorted(glob.glob(str(CACHE / pattern)))
    if not found:
        skip(f"{CACHE / pattern} is not there: {how}")
    return found[-1]


# One body, so that what they take is what they are told to do. INTO stands where it is called.
LINES_SOURCE = r"""
#include <stdio.h>
#define LOOP for (long i = 0; i < turns; i++) __asm__ volatile("" ::: "memory")
#define INTO static inline __attribute__((always_inline)) void
#define APART __attribute__((noinline, noclone)) void
INTO leaf_much(long turns) { LOOP; }
INTO leaf_some(long turns) { LOOP; }
INTO middle(long turns) {
  leaf_much(2 * turns);
}
APART apart(long turns) { LOOP; __asm__ volatile(""); }
APART outer(void) {
  middle(3000000);
  leaf_some(3000000);
  __asm__ volatile("");
}
int main(void) { puts("ready"); fflush(stdout); for (;;) { outer(); apart(1000000); __asm__ volatile(""); } }
"""


def line_of(text):
    """Of the program's line that begins so."""
    return next(number for number, line in enumerate(LINES_SOURCE.splitlines(), 1) if line.startswith(text))


# Innermost first; the line of each is where it stands, of those around it where they call.
MUCH = (("leaf_much", "INTO leaf_much"), ("middle", "  leaf_much(2 *"), ("outer", "  middle(3"))
SOME = (("leaf_some", "INTO leaf_some"), ("outer", "  leaf_some(3"))
