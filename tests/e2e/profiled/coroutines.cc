// SPDX-License-Identifier: Apache-2.0
// Coroutines that wait for one another: each is resumed by who wants its next number.
#include <coroutine>
#include <exception>
#include <utility>

#include "tests/e2e/profiled/work.h"

namespace {

class Numbers {
 public:
  struct promise_type {
    uint64_t value = 0;
    Numbers get_return_object() {
      return Numbers(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(uint64_t number) {
      value = number;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  explicit Numbers(std::coroutine_handle<promise_type> of) : of_(of) {}
  Numbers(Numbers&& from) noexcept : of_(std::exchange(from.of_, nullptr)) {}
  Numbers(const Numbers&) = delete;
  ~Numbers() {
    if (of_) {
      of_.destroy();
    }
  }
  uint64_t next() {
    of_.resume();
    return of_.promise().value;
  }

 private:
  std::coroutine_handle<promise_type> of_;
};

Numbers source() {
  for (uint64_t sum = 0;;) {
    sum += work_much(units(6));
    co_yield sum;
  }
}

Numbers filter(Numbers from) {
  for (;;) {
    const uint64_t number = from.next();
    co_yield number + work_some(units(3));
  }
}

}  // namespace

int main() {
  Numbers numbers = filter(source());
  uint64_t sum = 0;
  for (say_ready();;) {
    sum += numbers.next() + work_little(units(1));
  }
}
