// SPDX-License-Identifier: Apache-2.0
// Callers that the compiler takes apart: inlined, virtual, a lambda, a template, a comparison that
// the library calls.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include "tests/e2e/profiled/work.h"

namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual uint64_t area(long size) const = 0;
};

[[gnu::always_inline]] inline uint64_t twice(long size) {
  return work_much(size) + work_much(size);
}

template <int kUnits>
struct Square : Shape {
  [[gnu::noinline]] uint64_t area(long) const override { return twice(units(kUnits)) + 1; }
};

[[gnu::noipa]] uint64_t call(const std::function<uint64_t()>& what) { return what() + 1; }

[[gnu::noipa]] bool less(long left, long right) {
  return work_little(units(1)) != 0 && left < right;
}

// Compares once: the second is less than the first, and there is nobody before it.
[[gnu::noipa]] uint64_t sorted() {
  std::array<long, 2> of{2, 1};
  std::sort(of.begin(), of.end(), less);
  return of[0];
}

}  // namespace

int main() {
  const std::unique_ptr<Shape> shape = std::make_unique<Square<3>>();
  uint64_t sum = 0;
  for (say_ready();;) {
    sum += shape->area(1);
    sum += call([&] { return work_some(units(3)) + sum; });
    sum += sorted();
  }
}
