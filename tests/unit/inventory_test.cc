// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/inventory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/proc_tree.h"
#include "tests/support/user_emulation.h"

namespace sonde {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSecond = 1'000'000'000;

class InventoryTest : public testing::Test {
 protected:
  void add_process(int pid, uint64_t start, const std::string& exe, const std::string& arguments,
                   char state = 'S') {
    tree_.add_process(pid, start, exe, arguments, state);
  }
  void remove_process(int pid) { tree_.remove_process(pid); }

  static ProcessChanged change(ProcessChange what, uint32_t pid, uint32_t parent = 0,
                               uint64_t time_ns = 0) {
    return {.time_ns = time_ns,
            .change = what,
            .pid = Pid{pid},
            .parent = Pid{parent},
            .uid = 0,
            .cgroup = 0,
            .name = {}};
  }

  // The name known for a pid; empty: none.
  static std::string name_of(const Inventory& inventory, uint32_t pid) {
    const std::shared_ptr<const Process> process = inventory.find(Pid{pid});
    return process == nullptr ? "" : process->program;
  }

  Inventory inventory(size_t max = kMaxProcesses) {
    return Inventory(ProcRoot(root_), max, Containers("/nonexistent"));
  }

  ProcTree tree_;
  const fs::path& root_ = tree_.root();
};

TEST_F(InventoryTest, ReadsWhatProcHas) {
  add_process(7, 100, "/usr/sbin/nginx", std::string("nginx\0-g\0\0", 10));
  const auto read = ProcRoot(root_).read(Pid{7});
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->start_ticks, 100u);
  EXPECT_EQ(read->parent, Pid{1});
  EXPECT_EQ(read->executable, "/usr/sbin/nginx");
  EXPECT_EQ(read->command_line, "nginx -g");
  EXPECT_EQ(read->user, 33u);
  EXPECT_EQ(read->cgroup, "/user.slice/session-1.scope");
  EXPECT_EQ(read->program, "nginx");
}

TEST_F(InventoryTest, ScanFindsAllAndCountsWhatItCouldNot) {
  add_process(1, 1, "/sbin/init", "init");
  add_process(7, 100, "/usr/sbin/nginx", "nginx");
  add_process(8, 100, "/usr/sbin/x", "x", 'Z');
  fs::create_directories(root_ / "9");  // gone half-way: the directory answers, its files do not
  fs::create_directories(root_ / "4194305");
  add_process(10, 100, "/x", "x");
  std::ofstream(root_ / "10" / "stat") << "nonsense";
  Inventory all = inventory();
  ASSERT_TRUE(all.scan().has_value());
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(name_of(all, 7), "nginx");
  EXPECT_EQ(all.count(InventoryCount::read), 2u);
  EXPECT_EQ(all.count(InventoryCount::gone), 2u);
  EXPECT_EQ(all.count(InventoryCount::malformed), 1u);
  EXPECT_EQ(name_of(all, 9), "");
  EXPECT_EQ(all.count(InventoryCount::unknown), 1u);
  EXPECT_FALSE(Inventory(ProcRoot("/nonexistent")).scan().has_value());
}

TEST_F(InventoryTest, ForkTakesOverAndExecReads) {
  add_process(7, 100, "/bin/bash", "bash");
  Inventory all = inventory();
  ASSERT_TRUE(all.scan().has_value());
  all.on_process(change(ProcessChange::kFork, 20, 7));
  EXPECT_EQ(name_of(all, 20), "bash");
  EXPECT_EQ(all.find(Pid{20})->start_ticks, 0u);
  EXPECT_EQ(all.find(Pid{20})->parent, Pid{7});

  all.on_process(change(ProcessChange::kExec, 20));  // gone already: what is known stays
  EXPECT_EQ(name_of(all, 20), "bash");
  EXPECT_EQ(all.count(InventoryCount::gone), 1u);

  add_process(20, 200, "/usr/bin/python3", std::string("python3\0shop.py", 15));
  all.on_process(change(ProcessChange::kExec, 20));
  EXPECT_EQ(name_of(all, 20), "shop");
  EXPECT_EQ(all.find(Pid{20})->start_ticks, 200u);
  EXPECT_EQ(all.count(InventoryCount::reused), 0u);
}

TEST_F(InventoryTest, AProgramThatEndedBeforeItWasReadHasItsShortName) {
  Inventory all = inventory();
  ProcessChanged exec = change(ProcessChange::kExec, 20);
  exec.name = "curl";
  all.on_process(exec);
  EXPECT_EQ(name_of(all, 20), "curl");
  EXPECT_EQ(all.find(Pid{20})->executable, "curl");
}

TEST_F(InventoryTest, AProgramThatIsGoneIsWhatTheKernelSideTold) {
  Inventory all = inventory();
  ProcessChanged exec = change(ProcessChange::kExec, 20);
  exec.name = "python3";
  exec.executable = "python3.11";
  exec.arguments = {"python3\0/srv/a-long-name-of-a-script.py\0-v\0", 43};
  exec.environment = {"OTEL_RESOURCE_ATTRIBUTES=team=web\0", 34};
  all.on_process(exec);
  const auto told = all.find(Pid{20});
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->program, "a-long-name-of-a-script");
  EXPECT_EQ(told->command_line, "python3 /srv/a-long-name-of-a-script.py -v");
  ASSERT_NE(told->declared, nullptr);
  EXPECT_EQ(told->declared->others, (Labels{{"team", "web"}}));
  EXPECT_EQ(all.count(InventoryCount::told), 1u);
}

TEST_F(InventoryTest, AUnitIsItsMainProgramAndNotWhatThatStarts) {
  const auto add = [&](int pid, int parent, const std::string& exe, const std::string& arguments,
                       const std::string& cgroup) {
    add_process(pid, 100, exe, arguments);
    std::ofstream(root_ / std::to_string(pid) / "stat")
        << pid << " (x) S " << parent << " 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n";
    std::ofstream(root_ / std::to_string(pid) / "cgroup") << "0::" << cgroup << "\n";
  };
  using namespace std::string_literals;
  const std::string shop = "/system.slice/shop.service";
  const std::string cron = "/system.slice/cron.service";
  add(1, 0, "/sbin/init", "init"s, "/init.scope");
  add(10, 1, "/bin/dash", "sh\0/srv/start\0"s, shop);
  add(9, 10, "/usr/bin/python3", "python3\0-m\0gunicorn\0shop:app\0"s, shop);
  add(11, 9, "/usr/bin/python3", "python3\0-m\0gunicorn\0shop:app\0"s, shop);
  add(12, 9, "/usr/bin/python3", "python3\0-c\0spawn\0"s, shop);
  add(13, 9, "/usr/bin/convert", "convert\0"s, shop);
  add(20, 1, "/usr/sbin/cron", "cron\0"s, cron);
  add(21, 20, "/bin/dash", "sh\0-c\0job\0"s, cron);
  add(22, 21, "/usr/bin/python3", "python3\0job.py\0"s, cron);
  Inventory all = inventory();
  ASSERT_TRUE(all.scan().has_value());
  for (const uint32_t pid : {10u, 9u, 11u, 12u}) {
    EXPECT_EQ(all.find(Pid{pid})->unit, "shop.service") << pid;
  }
  EXPECT_EQ(all.find(Pid{13})->unit, "");
  EXPECT_EQ(all.find(Pid{20})->unit, "cron.service");
  EXPECT_EQ(all.find(Pid{21})->unit, "");
  EXPECT_EQ(all.find(Pid{22})->unit, "");
}

TEST_F(InventoryTest, AProcessWithoutMemoryIsGoneUnlessItIsTheKernels) {
  add_process(20, 200, "/usr/bin/curl", "");
  fs::remove(root_ / "20" / "exe");
  EXPECT_EQ(ProcRoot(root_).read(Pid{20}).error(), ProcFailure::kGone);
  std::ofstream(root_ / "20" / "stat")
      << "20 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 200 0 0\n";
  ASSERT_TRUE(ProcRoot(root_).read(Pid{20}).has_value());
}

TEST_F(InventoryTest, ForkOfAStrangerIsRead) {
  add_process(21, 200, "/usr/sbin/nginx", "nginx");
  Inventory all = inventory();
  all.on_process(change(ProcessChange::kFork, 21, 20));
  EXPECT_EQ(name_of(all, 21), "nginx");
  EXPECT_EQ(all.count(InventoryCount::orphaned), 1u);
}

TEST_F(InventoryTest, ConfirmReadsWhatWasTakenOver) {
  add_process(7, 100, "/usr/sbin/nginx", "nginx");
  Inventory all = inventory();
  ASSERT_TRUE(all.scan().has_value());
  all.on_process(change(ProcessChange::kFork, 20, 7));
  EXPECT_EQ(all.confirm(Pid{20})->start_ticks, 0u);  // cannot be read: what is known
  add_process(20, 200, "/usr/sbin/nginx", "nginx: worker");
  EXPECT_EQ(all.confirm(Pid{20})->start_ticks, 200u);
  const uint64_t reads = all.count(InventoryCount::read);
  EXPECT_EQ(all.confirm(Pid{20})->start_ticks, 200u);
  EXPECT_EQ(all.count(InventoryCount::read), reads);  // once is enough
  EXPECT_EQ(all.confirm(Pid{99}), nullptr);
}

TEST_F(InventoryTest, TheEndedAreKnownForTheGrace) {
  add_process(7, 100, "/usr/sbin/nginx", "nginx");
  Inventory all = inventory();
  ASSERT_TRUE(all.scan().has_value());
  all.on_process(change(ProcessChange::kExit, 7, 0, kSecond));
  all.tick(kSecond + kExitGraceNs - 1);
  EXPECT_EQ(name_of(all, 7), "nginx");
  all.tick(kSecond + kExitGraceNs);
  EXPECT_EQ(name_of(all, 7), "");
  EXPECT_EQ(all.count(InventoryCount::ended), 1u);
}

TEST_F(InventoryTest, APidUsedAgainIsAnotherProcess) {
  add_process(7, 100, "/usr/sbin/nginx", "nginx");
  add_process(8, 100, "/bin/bash", "bash");
  Inventory all = inventory();
  ASSERT_TRUE(all.scan().has_value());
  all.on_process(change(ProcessChange::kExit, 7, 0, kSecond));
  all.on_process(change(ProcessChange::kFork, 7, 8, 2 * kSecond));
  EXPECT_EQ(name_of(all, 7), "bash");
  all.tick(100 * kSecond);  // the end of the first is not the second's
  EXPECT_EQ(name_of(all, 7), "bash");

  add_process(8, 300, "/usr/bin/redis-server", "redis-server");  // nobody told us
  ASSERT_TRUE(all.scan().has_value());
  EXPECT_EQ(name_of(all, 8), "redis-server");
  EXPECT_EQ(all.count(InventoryCount::reused), 1u);
}

TEST_F(InventoryTest, TheTableIsBounded) {
  for (int pid = 1; pid <= 100; ++pid) {
    add_process(pid, 100, "/x", "x");
  }
  Inventory few = inventory(32);
  ASSERT_TRUE(few.scan().has_value());
  EXPECT_LE(few.size(), 32u);
  EXPECT_EQ(few.count(InventoryCount::read), 32u);
  EXPECT_EQ(few.count(InventoryCount::unscanned), 68u);
  for (uint32_t pid = 1; pid <= 100; ++pid) {
    few.discover(Pid{pid});
    few.on_process(change(ProcessChange::kExit, pid, 0, pid));
  }
  EXPECT_EQ(few.size(), 32u);
  EXPECT_GE(few.count(InventoryCount::forgotten), 68u - 32u);
}

TEST_F(InventoryTest, TheLeastAskedForIsForgotten) {
  ProcessTable table(32);  // two a slice
  const auto put = [&](uint32_t pid) {
    Process process;
    process.pid = Pid{pid};
    return table.put(std::make_shared<const Process>(process));
  };
  EXPECT_FALSE(put(16));
  EXPECT_FALSE(put(32));
  EXPECT_NE(table.find(Pid{16}), nullptr);
  EXPECT_TRUE(put(48));
  EXPECT_NE(table.find(Pid{16}), nullptr);
  EXPECT_EQ(table.find(Pid{32}), nullptr);
}

TEST_F(InventoryTest, LongCommandLinesAreCut) {
  std::string arguments =
      std::string("java\0-cp\0", 9) + std::string(20'000, 'x') + std::string("\0com.acme.Shop", 14);
  add_process(7, 100, "/usr/bin/java", arguments);
  const auto read = ProcRoot(root_).read(Pid{7});
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->command_line.size(), kMaxCommandLine);
  EXPECT_EQ(read->program, "Shop");
}

// Run under the thread sanitizer this checks the locks; under any it checks that what is held stays
// alive.
TEST_F(InventoryTest, ManyMayAskWhileOneWrites) {
  add_process(1, 100, "/x", "x");
  Inventory all = inventory(64);
  ASSERT_TRUE(all.scan().has_value());
  std::atomic<bool> done{false};
  const auto ask = [&] {
    while (!done) {
      for (uint32_t pid = 1; pid < 200; ++pid) {
        if (const auto process = all.find(Pid{pid})) {
          ASSERT_EQ(process->program, "x");
        }
      }
    }
  };
  std::thread first(ask);
  std::thread second(ask);
  for (uint32_t round = 0; round < 50; ++round) {
    for (uint32_t pid = 2; pid < 200; ++pid) {
      all.on_process(change(ProcessChange::kFork, pid, 1, round));
      all.on_process(change(ProcessChange::kExit, pid, 0, round));
    }
    all.tick(round + kExitGraceNs);
  }
  done = true;
  first.join();
  second.join();
}

// The real thing: this process, and a child that ended.
TEST(InventoryOnThisHost, ReadsItself) {
  Inventory all;
  ASSERT_TRUE(all.scan().has_value());
  const auto self = all.find(Pid{static_cast<uint32_t>(::getpid())});
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->user, ::geteuid());
  EXPECT_EQ(self->parent, Pid{static_cast<uint32_t>(::getppid())});
  EXPECT_NE(self->start_ticks, 0u);

  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT),
            0);  // a zombie now
  EXPECT_EQ(all.discover(Pid{static_cast<uint32_t>(child)}), nullptr);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(all.discover(Pid{static_cast<uint32_t>(child)}), nullptr);
  EXPECT_GE(all.count(InventoryCount::gone), 2u);
}

TEST(InventoryOnThisHost, KnowsItsOwnProgram) {
  SONDE_NOT_UNDER_USER_EMULATION("is the program that the kernel knows a process by");
  Inventory all;
  const auto self = all.discover(Pid{static_cast<uint32_t>(::getpid())});
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->program, "inventory_test");
}

TEST(ProcText, Stat) {
  EXPECT_FALSE(parse_stat("").has_value());
  EXPECT_FALSE(parse_stat("1 (a").has_value());
  EXPECT_FALSE(parse_stat("1 )a(").has_value());
  EXPECT_FALSE(parse_stat("1 (a)").has_value());
  EXPECT_FALSE(parse_stat("1 (a) S 1 1").has_value());
  EXPECT_FALSE(
      parse_stat("1 (a) S x 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22").has_value());
  const auto facts =
      parse_stat("1 (a) (b) S 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 77 99 23 24\n");
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->command, "a) (b");
  EXPECT_EQ(facts->state, 'S');
  EXPECT_EQ(facts->parent, Pid{5});
  EXPECT_EQ(facts->start_ticks, 99u);
}

TEST(ProcText, Cgroup) {
  EXPECT_EQ(parse_cgroup("0::/system.slice/a.service\n"), "/system.slice/a.service");
  EXPECT_EQ(parse_cgroup("12:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/sys\n0::/\n"),
            "/docker/sys");
  EXPECT_EQ(parse_cgroup("12:cpu:/docker/abc\n"), "/docker/abc");
  EXPECT_EQ(parse_cgroup("0::/a:b\n"), "/a:b");
  EXPECT_EQ(parse_cgroup("0::/\n"), "/");
  EXPECT_EQ(parse_cgroup("\n::\n:::\nx"), "");
}

TEST(ProcText, User) {
  EXPECT_EQ(parse_effective_user("Name:\tUid:\nUid:\t1\t2\t3\t4\n"), 2u);
  EXPECT_EQ(parse_effective_user("Uid:\t1"), std::nullopt);
  EXPECT_EQ(parse_effective_user("Uid:\t1\t-2\t3"), std::nullopt);
  EXPECT_EQ(parse_effective_user(""), std::nullopt);
}

}  // namespace
}  // namespace sonde
