// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/cpu_clock.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <string>

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::vector<int> online_cpus() {
  std::ifstream file("/sys/devices/system/cpu/online");
  std::string line;
  std::getline(file, line);
  return parse_cpu_list(line);
}

// No C library has a name for this call. pid -1: whatever runs there.
Fd open_event(perf_event_attr& attributes, int cpu) {
  return Fd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

void sleep_ns(uint64_t ns) {
  const timespec time{.tv_sec = static_cast<time_t>(ns / kSecond),
                      .tv_nsec = static_cast<long>(ns % kSecond)};
  ::nanosleep(&time, nullptr);
}

}  // namespace

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> out;
  while (!text.empty()) {
    const std::string_view range = text.substr(0, text.find(','));
    text.remove_prefix(std::min(range.size() + 1, text.size()));
    const char* begin = range.data();
    const char* end = begin + range.size();
    int first = 0;
    auto [at, error] = std::from_chars(begin, end, first);
    int last = first;
    if (error == std::errc() && at != end && *at == '-') {
      std::tie(at, error) = [&] {
        const auto read = std::from_chars(at + 1, end, last);
        return std::pair(read.ptr, read.ec);
      }();
    }
    if (error != std::errc() || first < 0) {
      continue;
    }
    for (int cpu = first; cpu <= last && out.size() < kMostCpus; ++cpu) {
      out.push_back(cpu);
    }
  }
  return out;
}

Result<> CpuClock::open_on(int cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = period_ns_ * slowness_;
  attributes.disabled = 1;
  Fd event = open_event(attributes, cpu);
  if (!event.ok()) {
    return fail_errno(fmt::format("open the clock of CPU {}", cpu), errno);
  }
  if (::ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program_) != 0) {
    return fail_errno(fmt::format("give the clock of CPU {} its program", cpu), errno);
  }
  events_[cpu] = std::move(event);
  return {};
}

Result<CpuClock> CpuClock::open(int program, uint64_t hz) {
  CpuClock clock(program, kSecond / std::max<uint64_t>(hz, 1));
  for (const int cpu : online_cpus()) {
    // A CPU that just went away is none of ours.
    if (auto opened = clock.open_on(cpu); !opened && opened.error().code != ENODEV) {
      return std::unexpected(opened.error());
    }
  }
  if (clock.events_.empty()) {
    return fail("no CPU has a clock");
  }
  return clock;
}

Result<> CpuClock::start() {
  std::vector<int> order;
  order.reserve(events_.size());
  for (const auto& [cpu, event] : events_) {
    order.push_back(cpu);
  }
  std::ranges::shuffle(order, random_);
  const uint64_t step = period_ns_ / order.size();
  for (const int cpu : order) {
    sleep_ns(std::uniform_int_distribution<uint64_t>(0, step)(random_));
    if (::ioctl(events_.at(cpu).get(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
      const int error = errno;
      stop();
      return fail_errno(fmt::format("start the clock of CPU {}", cpu), error);
    }
  }
  running_ = true;
  return {};
}

void CpuClock::stop() {
  for (const auto& [cpu, event] : events_) {
    (void)::ioctl(event.get(), PERF_EVENT_IOC_DISABLE, 0);
  }
  running_ = false;
}

// It is the rate that is drawn evenly: so that as many samples as ever are to be expected.
size_t CpuClock::give_periods(double most_off) {
  std::uniform_real_distribution<double> off(1 - most_off, 1 + most_off);
  size_t taken = 0;
  for (const auto& [cpu, event] : events_) {
    const auto mean = static_cast<double>(period_ns_ * slowness_);
    auto period = static_cast<uint64_t>(mean / off(random_));
    taken += ::ioctl(event.get(), PERF_EVENT_IOC_PERIOD, &period) == 0 ? 1 : 0;
  }
  return taken;
}

size_t CpuClock::draw_periods() {
  constexpr double kMostOff = 0.1;
  return give_periods(kMostOff);
}

void CpuClock::set_hz(uint64_t hz) {
  period_ns_ = kSecond / std::max<uint64_t>(hz, 1);
  (void)give_periods(0);
}

void CpuClock::slow_down(uint32_t times) {
  slowness_ = std::max(times, 1u);
  (void)give_periods(0);
}

void CpuClock::follow_cpus() {
  const std::vector<int> online = online_cpus();
  if (online.empty()) {
    return;  // it could not be asked
  }
  // The event of a CPU that went is dead, also when the CPU comes back.
  std::erase_if(events_, [&](const auto& each) {
    return std::ranges::find(online, each.first) == online.end();
  });
  for (const int cpu : online) {
    if (!events_.contains(cpu) && open_on(cpu) && running_) {
      (void)::ioctl(events_.at(cpu).get(), PERF_EVENT_IOC_ENABLE, 0);
    }
  }
}

}  // namespace sonde
