// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/own_cost.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace sonde {
namespace {

uint64_t ns(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(time.tv_usec) * 1'000;
}

}  // namespace

uint64_t own_cpu_ns() {
  rusage used{};
  return getrusage(RUSAGE_SELF, &used) == 0 ? ns(used.ru_utime) + ns(used.ru_stime) : 0;
}

uint64_t own_memory_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  return statm >> all >> resident ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace sonde
