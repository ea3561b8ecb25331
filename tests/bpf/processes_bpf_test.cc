// SPDX-License-Identifier: Apache-2.0
// A process is told when it forks, becomes another program, and ends - however short it lived; a
// thread is not.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

class ProcessesTest : public BpfTest {
 protected:
  size_t place_of(const std::string& line) {
    const auto found = std::find(told_.processes.begin(), told_.processes.end(), line);
    EXPECT_NE(found, told_.processes.end()) << line;
    return static_cast<size_t>(found - told_.processes.begin());
  }
};

TEST_P(ProcessesTest, ForkExecExitOfAShortProcess) {
  int pids[2];
  ASSERT_EQ(pipe(pids), 0);
  run([&](const Wire&) {
    const pid_t child = in_child([] { execl("/bin/true", "true", nullptr); });
    wait_for(child);
    MUST(write(pids[1], &child, sizeof(child)) == sizeof(child));
  });
  pid_t child = 0;
  ASSERT_EQ(read(pids[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  const auto is_fork = [&](const std::string& line) {
    return line.starts_with(fmt::format("fork {} of ", child));
  };
  const auto fork = std::find_if(told_.processes.begin(), told_.processes.end(), is_fork);
  ASSERT_NE(fork, told_.processes.end());
  const size_t exec = place_of(fmt::format("exec {} true", child));
  const size_t exit = place_of(fmt::format("exit {}", child));
  EXPECT_LT(static_cast<size_t>(fork - told_.processes.begin()), exec);
  EXPECT_LT(exec, exit);
}

TEST_P(ProcessesTest, AThreadIsNoProcess) {
  int pids[2];
  ASSERT_EQ(pipe(pids), 0);
  run([&](const Wire&) {
    pid_t thread_id = 0;
    std::thread([&] { thread_id = gettid(); }).join();
    MUST(write(pids[1], &thread_id, sizeof(thread_id)) == sizeof(thread_id));
  });
  pid_t thread_id = 0;
  ASSERT_EQ(read(pids[0], &thread_id, sizeof(thread_id)), static_cast<ssize_t>(sizeof(thread_id)));
  for (const std::string& line : told_.processes) {
    EXPECT_FALSE(line.starts_with(fmt::format("fork {} ", thread_id))) << line;
    EXPECT_NE(line, fmt::format("exit {}", thread_id));
  }
}

SONDE_FOR_EACH_DOOR(ProcessesTest);

}  // namespace
}  // namespace sonde
