// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/watched_host.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "tests/support/proc_tree.h"

namespace sonde {
namespace {

using namespace std::string_literals;

class WatchedHostTest : public testing::Test {
 protected:
  std::unique_ptr<WatchedHost> host(std::vector<SelectionRule> exclude = {}) {
    auto selection = Selection::make({}, exclude, [](auto) { return std::optional<uint32_t>(); });
    auto out = std::make_unique<WatchedHost>("box", ProcRoot(tree_.root()), std::move(*selection),
                                             [this](Pid pid, bool watched) {
                                               const std::lock_guard lock(mutex_);
                                               verdicts_[static_cast<uint32_t>(pid)] = watched;
                                             });
    EXPECT_TRUE(out->start());
    return out;
  }

  // What the kernel side was told last; -1: nothing.
  int verdict(uint32_t pid) {
    const std::lock_guard lock(mutex_);
    const auto found = verdicts_.find(pid);
    return found == verdicts_.end() ? -1 : found->second;
  }

  static ProcessChanged change(ProcessChange what, uint32_t pid, uint32_t parent = 0,
                               std::string_view name = {}) {
    ProcessChanged out;
    out.change = what;
    out.pid = Pid{pid};
    out.parent = Pid{parent};
    out.name = name;
    return out;
  }

  static ConnectionOpened connection(uint32_t pid) {
    ConnectionOpened out;
    out.connection = ConnectionId{1};
    out.pid = Pid{pid};
    return out;
  }

  ProcTree tree_;
  std::mutex mutex_;
  std::map<uint32_t, bool> verdicts_;
};

TEST_F(WatchedHostTest, NamesProcessesByTheirProgram) {
  tree_.add_process(7, 100, "/usr/sbin/nginx", "nginx\0"s);
  const auto box = host();
  EXPECT_EQ(box->service_of(Pid{7})->name, "nginx");
  EXPECT_EQ(box->service_of(Pid{7})->instance, "box:nginx");
  EXPECT_EQ(box->service_of(Pid{8})->name, "unknown");
}

TEST_F(WatchedHostTest, ProcessesOfOneNameAreOneService) {
  tree_.add_process(7, 100, "/usr/sbin/nginx", "nginx\0"s);
  tree_.add_process(8, 101, "/usr/sbin/nginx", "nginx\0"s);
  const auto box = host();
  EXPECT_EQ(box->service_of(Pid{7}), box->service_of(Pid{8}));
}

// An exec is in the ring before the new program's first byte: no answer from before may outlive it.
TEST_F(WatchedHostTest, KnowsTheNewProgramAsSoonAsTheExecIsTold) {
  tree_.add_process(7, 100, "/bin/dash", "sh\0"s);
  const auto box = host();
  for (int i = 0; i < 100; i++) {
    const bool odd = i % 2 == 1;
    tree_.add_process(7, 100, odd ? "/bin/dash" : "/usr/bin/curl", odd ? "sh\0"s : "curl\0"s);
    const uint64_t before = box->version();
    box->on(change(ProcessChange::kExec, 7));
    EXPECT_NE(box->version(), before);
    ASSERT_EQ(box->service_of(Pid{7})->name, odd ? "dash" : "curl") << i;
  }
}

TEST_F(WatchedHostTest, NamesAProcessThatIsGoneByTheKernelsWord) {
  const auto box = host();
  box->on(change(ProcessChange::kExec, 9, 0, "curl"));
  EXPECT_EQ(box->service_of(Pid{9})->name, "curl");
}

TEST_F(WatchedHostTest, TellsTheKernelSideWhoIsExcluded) {
  tree_.add_process(7, 100, "/usr/sbin/nginx", "nginx\0"s);
  tree_.add_process(8, 101, "/usr/sbin/sshd", "sshd\0"s);
  SelectionRule rule;
  rule.executable = "*/sshd";
  const auto box = host({rule});
  EXPECT_EQ(verdict(7), 1);
  EXPECT_EQ(verdict(8), 0);
  EXPECT_TRUE(box->watched(connection(7)));
  EXPECT_FALSE(box->watched(connection(8)));

  // It becomes another program: what it was says nothing any more.
  tree_.add_process(8, 101, "/usr/bin/curl", "curl\0"s);
  box->on(change(ProcessChange::kExec, 8));
  EXPECT_TRUE(box->watched(connection(8)));
  EXPECT_EQ(verdict(8), 1);
}

}  // namespace
}  // namespace sonde
