// SPDX-License-Identifier: Apache-2.0
// Ten thousand processes that live for a moment: each is known by its whole name, whether /proc
// could still be read or not, and by what its environment says.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/bpf/privilege.h"
#include "userspace/pipeline/watched_host.h"
#include "userspace/sources/decode.h"
#include "userspace/sources/kernel_side.h"

namespace sonde {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "/usr/bin/busybox";  // static: it lives for a millisecond
constexpr size_t kProcesses = 10'000;
constexpr size_t kBatch = 500;  // checked before the ended are forgotten
constexpr size_t kNames = 8;

class News : public RecordReader {
 public:
  explicit News(WatchedHost& host) : host_(host) {}
  void record(std::span<const uint8_t> bytes) override {
    undecoded += decode_to(bytes, *this) == DecodeStep::kOk ? 0 : 1;
  }
  void on(const ProcessChanged& change) {
    host_.on(change);
    last_ended = change.change == ProcessChange::kExit ? change.pid : last_ended;
  }
  void on(const auto&) {}

  uint64_t undecoded = 0;
  Pid last_ended{};

 private:
  WatchedHost& host_;
};

class NamesTest : public testing::Test {
 protected:
  void SetUp() override {
    SONDE_NEEDS_ROOT();
    if (::access(kProgram, X_OK) != 0) {
      GTEST_SKIP() << kProgram << " is not installed";
    }
    fs::create_directories(directory_);
    for (size_t i = 0; i < kNames; ++i) {
      fs::copy_file(kProgram, path_of(i));
    }
    auto kernel = KernelSide::open({});
    ASSERT_TRUE(kernel) << kernel.error().what;
    kernel_ = std::move(*kernel);
    ASSERT_TRUE(kernel_->set_ports_off(std::bitset<65536>().set()));
    ASSERT_TRUE(host_.start());
    ASSERT_TRUE(kernel_->start(news_));
  }
  ~NamesTest() override { fs::remove_all(directory_); }

  // Longer than the kernel's own short name.
  std::string path_of(size_t i) const {
    return directory_ / ("program-number-" + std::to_string(i) + "-of-many");
  }

  pid_t start(size_t i) const {
    const std::string path = path_of(i % kNames);
    const std::string named = "OTEL_SERVICE_NAME=named-" + std::to_string(i % kNames);
    const char* const words[] = {path.c_str(), "--no-such-option", nullptr};
    const char* const variables[] = {"A=1", i % 2 == 0 ? "B=2" : named.c_str(), nullptr};
    const pid_t child = ::vfork();
    if (child == 0) {
      ::execve(path.c_str(), const_cast<char**>(words), const_cast<char**>(variables));
      ::_exit(1);
    }
    return child;
  }

  std::string name_wanted(size_t i) const {
    return i % 2 == 0 ? fs::path(path_of(i % kNames)).filename().string()
                      : "named-" + std::to_string(i % kNames);
  }

  const fs::path directory_ =
      fs::path(testing::TempDir()) / ("sonde_names_" + std::to_string(::getpid()));
  WatchedHost host_{"box", ProcRoot(), {}, [](Pid, bool, Restraint) {}};
  News news_{host_};
  std::unique_ptr<KernelSide> kernel_;
};

TEST_F(NamesTest, TenThousandShortProcesses) {
  const int quiet = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const int words = ::dup(STDERR_FILENO);
  ::dup2(quiet, STDERR_FILENO);  // what the programs say of their words
  std::vector<std::string> wrong;
  size_t right = 0;
  for (size_t done = 0; done < kProcesses; done += kBatch) {
    std::vector<pid_t> pids;
    for (size_t i = 0; i < kBatch; ++i) {
      pids.push_back(start(done + i));
      // Half of them are gone before anybody reads the news of them.
      if (i % 2 == 0) {
        kernel_->drain(65536);
      }
      ::waitpid(pids.back(), nullptr, 0);
    }
    const Pid last{static_cast<uint32_t>(pids.back())};
    for (int tries = 0; tries < 5000 && news_.last_ended != last; ++tries) {
      kernel_->drain(65536);
      ::usleep(1000);
    }
    for (size_t i = 0; i < kBatch; ++i) {
      const std::string& name = host_.service_of(Pid{static_cast<uint32_t>(pids[i])})->name;
      const std::string wanted = name_wanted(done + i);
      right += name == wanted ? 1 : 0;
      if (name != wanted && wrong.size() < 10) {
        wrong.push_back(name + " instead of " + wanted);
      }
    }
  }
  ::dup2(words, STDERR_FILENO);
  EXPECT_EQ(right, kProcesses) << testing::PrintToString(wrong);
  EXPECT_EQ(news_.undecoded, 0u);
  const auto counters = kernel_->counters();
  ASSERT_TRUE(counters);
  EXPECT_EQ((*counters)[SONDE_COUNT_execs_unreadable], 0u);
  // The proof that words told by the kernel side were needed.
  EXPECT_GT(host_.inventory().count(InventoryCount::told), kProcesses / 10);
  ::close(quiet);
  ::close(words);
}

}  // namespace
}  // namespace sonde
