// SPDX-License-Identifier: Apache-2.0
// Two hundred calls deep, with frames of every size.
#include <alloca.h>

#include "tests/e2e/profiled/work.h"

namespace {

[[gnu::noipa]] uint64_t descend(int left) {
  char* room = static_cast<char*>(alloca(16 + left % 7 * 8));
  asm volatile("" : "+r"(room) : : "memory");  // else there is no room, and it is a loop
  room[0] = 1;
  return left == 0 ? work_much(units(60)) : descend(left - 1) + room[0];
}

}  // namespace

int main() {
  uint64_t sum = 0;
  for (say_ready();;) {
    sum += descend(199);
    sum += work_some(units(40));
  }
}
