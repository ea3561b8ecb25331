// SPDX-License-Identifier: Apache-2.0
// Makes many system calls of each of some kinds and says what one of them took, in nanoseconds; on
// an exact machine these are instructions. What a process that uses no socket pays for a collector
// that looks at every call is the difference. One line each: call, name, nanoseconds.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>

namespace {

// A figure is the median of the batches: what else the machine does now and then stays out of it.
constexpr size_t kBatches = 41;
constexpr int kCalls = 200;

int null_device = -1;
int zero_device = -1;
std::array<int, 2> pipes{};
std::array<int, 2> datagrams{};
std::array<char, 16> buffer{};

void must(bool done) {
  if (!done) {
    std::exit(1);
  }
}

struct Kind {
  const char* name;
  void (*make)();
  int calls;  // that one make() consists of
};

constexpr Kind kKinds[] = {
    {"getppid", [] { must(syscall(SYS_getppid) > 0); }, 1},
    {"write /dev/null", [] { must(write(null_device, buffer.data(), 16) == 16); }, 1},
    {"read /dev/zero", [] { must(read(zero_device, buffer.data(), 16) == 16); }, 1},
    {"pipe write, read",
     [] {
       must(write(pipes[1], buffer.data(), 16) == 16);
       must(read(pipes[0], buffer.data(), 16) == 16);
     },
     2},
    {"unix datagram send, recv",
     [] {
       must(send(datagrams[0], buffer.data(), 16, 0) == 16);
       must(recv(datagrams[1], buffer.data(), 16, 0) == 16);
     },
     2},
};

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void repeat(const Kind& kind, int times) {
  for (int i = 0; i < times; i++) {
    kind.make();
  }
}

}  // namespace

int main() {
  null_device = open("/dev/null", O_WRONLY | O_CLOEXEC);
  zero_device = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  must(null_device >= 0 && zero_device >= 0 && pipe2(pipes.data(), O_CLOEXEC) == 0 &&
       socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagrams.data()) == 0);
  for (const Kind& kind : kKinds) {
    std::array<int64_t, kBatches> took{};
    for (int64_t& batch : took) {
      const int64_t begun = now_ns();
      repeat(kind, kCalls);
      batch = now_ns() - begun;
    }
    std::ranges::nth_element(took, took.begin() + kBatches / 2);
    fmt::print("call\t{}\t{:.1f}\n", kind.name,
               static_cast<double>(took[kBatches / 2]) / (kCalls * kind.calls));
  }
  return 0;
}
