// SPDX-License-Identifier: Apache-2.0
// Throws and is caught for as much CPU time as it works otherwise. The unwinder looks for handlers,
// then runs destructors.
#include <stdexcept>
#include <string>

#include "tests/e2e/profiled/work.h"

namespace {

constexpr int64_t kTurnUs = 2000;

struct Noted {
  explicit Noted(uint64_t& to) : to_(to) {}
  ~Noted() { to_ += 1; }
  uint64_t& to_;
};

[[gnu::noipa]] uint64_t thrower(int left, uint64_t& noted) {
  const Noted note(noted);
  if (left == 0) {
    throw std::runtime_error("a text that is too long to be kept in the string itself");
  }
  return thrower(left - 1, noted) + 1;
}

[[gnu::noipa]] uint64_t throwing() {
  uint64_t noted = 0;
  for (const int64_t end = used_us() + kTurnUs; used_us() < end;) {
    try {
      noted += thrower(20, noted);
    } catch (const std::exception& thrown) {
      noted += static_cast<uint64_t>(thrown.what()[0]);
    }
  }
  return noted;
}

[[gnu::noipa]] uint64_t working() {
  uint64_t sum = 0;
  for (const int64_t end = used_us() + kTurnUs; used_us() < end;) {
    sum += work_some(UNIT);
  }
  return sum;
}

}  // namespace

int main() {
  uint64_t sum = 0;
  for (say_ready();;) {
    sum += throwing() + working();
  }
}
