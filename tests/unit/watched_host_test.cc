// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/watched_host.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "tests/support/proc_tree.h"

namespace sonde {
namespace {

using namespace std::string_literals;

class WatchedHostTest : public testing::Test {
 protected:
  std::unique_ptr<WatchedHost> host(std::vector<SelectionRule> exclude = {}) {
    auto selection = Selection::make({}, exclude, [](auto) { return std::optional<uint32_t>(); });
    auto out = std::make_unique<WatchedHost>("box", ProcRoot(tree_.root()),
                                             HostRules{.selection = std::move(*selection)},
                                             [this](Pid pid, bool watched, Restraint restraint) {
                                               const std::lock_guard lock(mutex_);
                                               verdicts_[static_cast<uint32_t>(pid)] = watched;
                                               restraints_[static_cast<uint32_t>(pid)] = restraint;
                                             });
    EXPECT_TRUE(out->start());
    return out;
  }

  static HostRules rules(std::vector<NamingRule> naming, std::vector<SelectionRule> exclude = {}) {
    const auto nobody = [](auto) { return std::optional<uint32_t>(); };
    return {.selection = std::move(*Selection::make({}, exclude, nobody)),
            .naming = std::move(*NamingRules::make(naming, {}, nobody))};
  }

  // What the kernel side was told last; -1: nothing.
  int verdict(uint32_t pid) {
    const std::lock_guard lock(mutex_);
    const auto found = verdicts_.find(pid);
    return found == verdicts_.end() ? -1 : found->second;
  }

  Restraint restraint(uint32_t pid) {
    const std::lock_guard lock(mutex_);
    return restraints_[pid];
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
  std::map<uint32_t, Restraint> restraints_;
};

TEST_F(WatchedHostTest, AServiceIsRestrainedWithAllItsProcesses) {
  tree_.add_process(7, 100, "/usr/sbin/nginx", "nginx\0"s);
  tree_.add_process(8, 100, "/usr/sbin/nginx", "nginx\0"s);
  tree_.add_process(9, 100, "/usr/bin/redis-server", "redis-server\0"s);
  const auto box = host();
  box->restrain(box->service_of(Pid{7}), Restraint::kCount);
  EXPECT_EQ(restraint(7), Restraint::kCount);
  EXPECT_EQ(restraint(8), Restraint::kCount);
  EXPECT_EQ(restraint(9), Restraint::kNone);
  EXPECT_EQ(verdict(7), 1);
  // Rules that are applied anew change nothing about it.
  box->apply(rules({}));
  EXPECT_EQ(restraint(8), Restraint::kCount);
  box->restrain(box->service_of(Pid{8}), Restraint::kNone);
  EXPECT_EQ(restraint(7), Restraint::kNone);
  EXPECT_EQ(restraint(8), Restraint::kNone);
}

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

TEST_F(WatchedHostTest, NewRulesHoldForAllThereIs) {
  tree_.add_process(7, 100, "/usr/sbin/nginx", "nginx\0"s);
  tree_.add_process(8, 101, "/usr/sbin/sshd", "sshd\0"s);
  const auto box = host();
  EXPECT_EQ(box->service_of(Pid{7})->name, "nginx");
  NamingRule front;
  front.match.executable = "nginx";
  front.name = "front";
  front.labels = {{"team", "web"}};
  SelectionRule ssh;
  ssh.executable = "sshd";
  const uint64_t before = box->version();
  box->apply(rules({front}, {ssh}));
  EXPECT_NE(box->version(), before);
  EXPECT_EQ(box->service_of(Pid{7})->name, "front");
  EXPECT_EQ(box->service_of(Pid{7})->extra, (Labels{{"team", "web"}}));
  EXPECT_EQ(verdict(7), 1);
  EXPECT_EQ(verdict(8), 0);
  EXPECT_FALSE(box->watched(connection(8)));
  box->apply({});
  EXPECT_EQ(box->service_of(Pid{7})->name, "nginx");
  EXPECT_EQ(verdict(8), 1);
}

TEST_F(WatchedHostTest, APortGivesItsServerAName) {
  tree_.add_process(7, 100, "/usr/bin/python3", "python3\0app.py\0"s);
  const auto box = host();
  NamingRule web;
  web.match.ports = {{8080, 8080}};
  web.name = "web";
  box->apply(rules({web}));
  EXPECT_EQ(box->service_of(Pid{7})->name, "app");
  ConnectionOpened opened = connection(7);
  opened.role = Role::kServer;
  opened.local.port = 8080;
  EXPECT_TRUE(box->watched(opened));
  EXPECT_EQ(box->service_of(Pid{7})->name, "web");
  const uint64_t before = box->version();
  EXPECT_TRUE(box->watched(opened));
  EXPECT_EQ(box->version(), before) << "that was known";
}

// Under the thread sanitizer this checks the locks.
TEST_F(WatchedHostTest, RulesMayChangeWhileAnyoneAsks) {
  tree_.add_process(7, 100, "/usr/sbin/nginx", "nginx\0"s);
  const auto box = host();
  NamingRule front;
  front.name = "front";
  std::atomic<bool> done{false};
  std::thread asker([&] {
    while (!done) {
      const std::string name = box->service_of(Pid{7})->name;
      EXPECT_TRUE(name == "nginx" || name == "front") << name;
      box->watched(connection(7));
    }
  });
  for (int i = 0; i < 200; ++i) {
    box->apply(i % 2 == 0 ? rules({front}) : HostRules{});
    box->on(change(ProcessChange::kExec, 7));
  }
  done = true;
  asker.join();
}

}  // namespace
}  // namespace sonde
