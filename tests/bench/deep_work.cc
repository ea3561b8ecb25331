// SPDX-License-Identifier: Apache-2.0
// What a profiler is measured on: so many turns of work at the end of a stack of 40 functions,
// compiled without frame pointers as distributions compile. Prints the nanoseconds that the turns
// took, by the clock and of CPU time.
#include <charconv>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace {

uint64_t now_ns(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

[[gnu::noipa]] uint64_t turn(uint64_t seed) {
  volatile uint64_t value = seed;
  for (int i = 0; i < 10'000; i++) {
    value = value * 6364136223846793005 + 1442695040888963407;
  }
  return value;
}

[[gnu::noipa]] uint64_t work(uint64_t turns) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < turns; i++) {
    sum += turn(i);
  }
  return sum;
}

[[gnu::noipa]] uint64_t deeper(int left, uint64_t turns) {
  const uint64_t below = left == 0 ? work(turns) : deeper(left - 1, turns);
  asm volatile("" ::: "memory");  // else it is made a loop
  return below + 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t turns = 0;
  if (argc != 2 ||
      std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), turns).ec != std::errc()) {
    std::fputs("usage: deep_work TURNS\n", stderr);
    return 2;
  }
  constexpr int kDepth = 35;
  const uint64_t began = now_ns(CLOCK_MONOTONIC);
  const uint64_t sum = deeper(kDepth, turns);
  std::printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now_ns(CLOCK_MONOTONIC) - began,
              now_ns(CLOCK_PROCESS_CPUTIME_ID), sum % 10);
  return 0;
}
