// SPDX-License-Identifier: Apache-2.0
// CpuClock: a clock on each CPU that runs a BPF program so many times a second (perf's cpu-clock,
// with a fixed period). One thread.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string_view>
#include <vector>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde {

class CpuClock {
 public:
  // On every CPU that is online; silent until start(). The program's descriptor is borrowed.
  static Result<CpuClock> open(int program, uint64_t hz);

  // Starts the clocks, spread over one period: else all CPUs would be interrupted at once. Waits
  // that long.
  Result<> start();
  void stop();

  // Each clock goes on with another period: a program that keeps step with one would be seen at the
  // same point each time. To be called about once a second. How many took it.
  size_t draw_periods();
  // From now on they ring so many times more seldom.
  void slow_down(uint32_t times);
  // From now on. A profile's samples stand for one period each: not during one.
  void set_hz(uint64_t hz);

  // CPUs that came online since get their clock; those that went have lost theirs. Asks the kernel
  // at each call.
  void follow_cpus();

  // In the mean, were they not slowed down.
  uint64_t period_ns() const { return period_ns_; }
  size_t cpus() const { return events_.size(); }

 private:
  CpuClock(int program, uint64_t period_ns) : program_(program), period_ns_(period_ns) {}
  Result<> open_on(int cpu);
  size_t give_periods(double most_off);

  int program_;
  uint64_t period_ns_;
  uint32_t slowness_ = 1;
  bool running_ = false;
  std::minstd_rand random_{std::random_device{}()};
  std::map<int, Fd> events_;  // by CPU
};

// "0-3,8" as the kernel lists CPUs, at most kMostCpus of them; what has another form is left out.
constexpr size_t kMostCpus = 8192;
std::vector<int> parse_cpu_list(std::string_view text);

}  // namespace sonde
