// SPDX-License-Identifier: Apache-2.0
// The command line as a person or a script meets it: output, exit codes, and the pages made of it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "exporters/web/listen.h"
#include "tests/support/proc_tree.h"
#include "userspace/cli/checklist.h"
#include "userspace/cli/command.h"
#include "userspace/cli/door_checks.h"
#include "userspace/cli/feature_checks.h"
#include "userspace/cli/privileges.h"
#include "userspace/cli/reload.h"
#include "userspace/config/reference.h"

namespace sonde::cli {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome sonde(std::vector<std::string_view> arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const std::string_view environment[] = {"SONDE_CONFIG=/dev/null"};
  const int code = dispatch(arguments, environment);
  std::fflush(nullptr);
  return {.code = code,
          .out = testing::internal::GetCapturedStdout(),
          .err = testing::internal::GetCapturedStderr()};
}

std::string page(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(std::string(SONDE_TEST_DATA) + "/../docs/reference/" + name).rdbuf();
  return text.str();
}

TEST(Cli, ReferencePagesAreWhatTheBinarySays) {
  EXPECT_EQ(page("configuration.md"), configuration_reference())
      << "sonde help configuration > docs/reference/configuration.md";
  EXPECT_EQ(page("commands.md"), commands_reference())
      << "sonde help commands > docs/reference/commands.md";
}

TEST(Cli, HelpIsToldInEveryWay) {
  const std::string overview = overview_help();
  EXPECT_EQ(sonde({"help"}).out, overview);
  EXPECT_EQ(sonde({"--help"}).out, overview);
  EXPECT_EQ(sonde({"-h"}).out, overview);
  for (const Command* command : commands()) {
    const std::string help = command_help(*command);
    EXPECT_NE(overview.find(command->summary), std::string::npos);
    EXPECT_EQ(sonde({"help", command->name}).out, help);
    EXPECT_EQ(sonde({command->name, "--help"}).out, help);
    EXPECT_EQ(sonde({command->name, "--log-level", "-h"}).code, kOk);
  }
  EXPECT_EQ(sonde({"help", "configuration"}).out, configuration_reference());
  EXPECT_EQ(sonde({"help", "commands"}).out, commands_reference());
}

TEST(Cli, HelpLinesAreShort) {
  for (const Command* command : commands()) {
    std::istringstream help(command_help(*command));
    for (std::string line; std::getline(help, line);) {
      EXPECT_LE(line.size(), 100u) << line;
    }
  }
}

TEST(Cli, WrongUseIsExplained) {
  const Outcome slip = sonde({"recrod"});
  EXPECT_EQ(slip.code, kWrongUse);
  EXPECT_EQ(slip.err,
            "sonde: no command 'recrod'; did you mean record?\n`sonde help` lists the commands.\n");
  EXPECT_EQ(slip.out, "");

  const Outcome flag = sonde({"--lisen=x"});  // run is the default
  EXPECT_EQ(flag.code, kWrongUse);
  EXPECT_EQ(flag.err,
            "'--lisen': unknown flag; did you mean --listen?\n"
            "sonde: not started; `sonde run --help` tells what it takes.\n");

  EXPECT_EQ(sonde({"replay", "--door=auto", "x"}).code, kWrongUse);
  EXPECT_EQ(sonde({"replay"}).code, kWrongUse);
  EXPECT_EQ(sonde({"record"}).code, kWrongUse);
  EXPECT_EQ(sonde({"record", "a", "b"}).code, kWrongUse);
  EXPECT_EQ(sonde({"version", "x"}).code, kWrongUse);
  EXPECT_EQ(sonde({"help", "rnu"}).err, "sonde help: no topic 'rnu'; did you mean run?\n");
  EXPECT_EQ(sonde({"run", "--config=/nonexistent"}).code, kWrongUse);
}

TEST(Cli, VersionNamesTheBuild) {
  const Outcome version = sonde({"version"});
  EXPECT_EQ(version.code, kOk);
  EXPECT_TRUE(version.out.starts_with("sonde 0.1.0 (")) << version.out;
  EXPECT_EQ(sonde({"--version"}).out, version.out);
}

TEST(Cli, PagesShowEveryFlagOfACommand) {
  for (const Command* command : commands()) {
    for (const Option& option : options()) {
      const bool taken = std::ranges::find(command->groups, option.group) != command->groups.end();
      const bool shown =
          command_help(*command).find(std::string(option.flag) + " ") != std::string::npos;
      EXPECT_TRUE(!taken || shown) << command->name << " " << option.flag;
    }
    EXPECT_TRUE(command->operands.empty() || option_by_flag(command->operands) != nullptr)
        << command->name;
  }
}

TEST(Cli, ActionsAreAskedFor) {
  EXPECT_EQ(sonde({"config"}).err, "sonde config: nothing to do; it takes one of: check, print\n");
  const Outcome slip = sonde({"config", "chekc"});
  EXPECT_EQ(slip.code, kWrongUse);
  EXPECT_EQ(slip.err, "sonde config: no action 'chekc'; it takes one of: check, print\n");
  EXPECT_EQ(sonde({"config", "check"}).out, "sonde: /dev/null is good\n");
  EXPECT_EQ(sonde({"config", "check", "/nowhere/x"}).code, kWrongUse);
  EXPECT_NE(sonde({"config", "print", "--door=socktp-raw"}).out.find("door: socktp-raw  # set"),
            std::string::npos);
}

// The words that a shell would offer.
std::string bash_offers(const std::string& typed) {
  const std::string script = testing::TempDir() + "sonde_completion_" + std::to_string(::getpid());
  std::ofstream(script) << sonde({"completion", "bash"}).out << R"(
COMP_WORDS=(sonde "$@") COMP_CWORD=$# COMPREPLY=()
_sonde 2>/dev/null  # compopt works only where a person types
echo "${COMPREPLY[*]}")";
  FILE* shell = ::popen(("bash " + script + " " + typed).c_str(), "r");
  std::array<char, 4096> line{};
  std::string out =
      shell != nullptr && std::fgets(line.data(), line.size(), shell) != nullptr ? line.data() : "";
  ::pclose(shell);
  ::unlink(script.c_str());
  out.erase(std::min(out.find('\n'), out.size()));
  return out;
}

TEST(Completion, BashKnowsCommandsFlagsAndValues) {
  EXPECT_EQ(bash_offers("re"), "record replay");
  EXPECT_EQ(bash_offers("run --do"), "--door");
  EXPECT_EQ(bash_offers("--lis"), "--listen");  // run is the default
  EXPECT_TRUE(bash_offers("run --door ''").starts_with("auto ")) << bash_offers("run --door ''");
  EXPECT_EQ(bash_offers("replay --do"), "");
  EXPECT_EQ(bash_offers("config p"), "print");
  EXPECT_EQ(bash_offers("help conf"), "config configuration");
}

TEST(Completion, EachShellCanReadItsScript) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    if (std::system(fmt::format("command -v {} >/dev/null", shell).c_str()) != 0) {
      GTEST_SKIP() << shell << " is not installed";
    }
    const std::string script = testing::TempDir() + "sonde_" + shell + std::to_string(::getpid());
    std::ofstream(script) << sonde({"completion", shell}).out;
    EXPECT_EQ(std::system(fmt::format("{} -n {}", shell, script).c_str()), 0) << shell;
    ::unlink(script.c_str());
  }
}

TEST(Completion, EveryShellIsToldEveryCommandAndFlag) {
  for (const std::string_view shell : {"bash", "zsh", "fish"}) {
    const std::string script = sonde({"completion", shell}).out;
    for (const Command* command : commands()) {
      EXPECT_NE(script.find(command->name), std::string::npos) << shell;
    }
    for (const Option& option : options()) {
      EXPECT_NE(script.find(option.flag), std::string::npos) << shell << " " << option.flag;
    }
  }
}

TEST(Reload, TakesOverWhatIsLiveAndNamesTheRest) {
  Config running;
  Config wanted;
  wanted.log.level = log::Level::kError;
  wanted.routes.patterns = {"/users/{id}"};
  wanted.limits.series = 777;
  const Reload news = reload(running, wanted);
  EXPECT_EQ(news.config.log.level, log::Level::kError);
  EXPECT_EQ(news.config.limits.series, running.limits.series);
  EXPECT_EQ(news.config.routes.patterns, wanted.routes.patterns);
  EXPECT_EQ(news.changed, (std::vector<std::string>{"log.level", "routes.patterns"}));
  EXPECT_EQ(news.waiting, std::vector<std::string>{"limits.series"});
  EXPECT_TRUE(reload(wanted, wanted).changed.empty());
}

TEST(Privileges, OnlyWhatIsRequiredStopsUs) {
  constexpr uint64_t kAll = ~0ull;
  constexpr uint64_t kBpf = 1ull << 39;
  constexpr uint64_t kPerfmon = 1ull << 38;
  constexpr uint64_t kPtrace = 1ull << 19;
  constexpr uint64_t kAdmin = 1ull << 21;
  EXPECT_EQ(privileges_text("run", kAll), "");
  EXPECT_EQ(privileges_text("run", kBpf | kPerfmon), "");
  EXPECT_EQ(privileges_text("run", kAdmin), "");
  EXPECT_EQ(missing_capabilities(kAdmin).size(), 3u);
  const std::string text = privileges_text("run", kBpf | kPtrace);
  EXPECT_EQ(text.find("CAP_BPF"), std::string::npos);
  EXPECT_EQ(text.find("CAP_SYS_PTRACE"), std::string::npos);
  EXPECT_NE(text.find("CAP_PERFMON          attach it"), std::string::npos) << text;
  EXPECT_NE(text.find("sudo sonde run\n"), std::string::npos);
}

TEST(Privileges, WhatSomeKernelsNeedToLoadIsNamed) {
  EXPECT_EQ(missing_to_load(~0ull), "");
  EXPECT_EQ(missing_to_load(1ull << 39 | 1ull << 38),
            "CAP_SYS_RESOURCE (lock memory, on kernels before 5.11)");
  EXPECT_EQ(missing_to_load_after({.what = "interrupted", .code = EAGAIN}), "");
}

TEST(Features, MetricsNeedAFreePort) {
  const auto taken = web::listen_on("127.0.0.1:0");
  ASSERT_TRUE(taken);
  const std::string address = "127.0.0.1:" + std::to_string(taken->port);
  const Check blocked = metrics_check(address);
  EXPECT_EQ(blocked.state, CheckState::kBlocked);
  EXPECT_NE(blocked.finding.find(address), std::string::npos) << blocked.finding;
  EXPECT_NE(blocked.remedy.find("--listen"), std::string::npos);
  EXPECT_EQ(metrics_check("127.0.0.1:0").state, CheckState::kOk);
}

TEST(Features, NamesNeedReadableProcesses) {
  ProcTree tree;
  tree.add_process(100, 1, "/usr/bin/one", "/usr/bin/one");
  EXPECT_EQ(names_check(ProcRoot(tree.root())).state, CheckState::kOk);
  tree.add_process(101, 1, "/usr/bin/two", "two");
  std::filesystem::remove(tree.root() / "101" / "exe");
  std::ofstream(tree.root() / "101" / "exe") << "no link";
  const Check some = names_check(ProcRoot(tree.root()));
  EXPECT_EQ(some.state, CheckState::kDegraded);
  EXPECT_EQ(some.finding, "1 of 2 programs that run now cannot be read: 101");
  EXPECT_EQ(names_check(ProcRoot("/nowhere")).state, CheckState::kBlocked);
}

TEST(Features, AnotherSondeAndAnotherCountAreTold) {
  ProcTree tree;
  tree.add_process(100, 1, "/usr/bin/sonde", "sonde");
  EXPECT_EQ(company_check(ProcRoot(tree.root()), 100).state, CheckState::kOk);
  EXPECT_EQ(company_check(ProcRoot(tree.root()), 7).finding, "another Sonde runs: 100");
  EXPECT_EQ(process_ids_check(7, 7).state, CheckState::kOk);
  EXPECT_EQ(process_ids_check(4711, 7).state, CheckState::kBlocked);
}

TEST(Checklist, IsAlignedAndPlain) {
  Checklist list;
  EXPECT_EQ(list.worst(), CheckState::kOk);
  list.add(
      {.name = "kernel", .state = CheckState::kOk, .finding = "6.12", .affects = "", .remedy = ""});
  list.add({.name = "unix sockets",
            .state = CheckState::kDegraded,
            .finding = "no\titerator",
            .affects = "sockets open already",
            .remedy = "restart the service"});
  EXPECT_EQ(list.text(false),
            "  kernel        ok        6.12\n"
            "  unix sockets  degraded  no\\x09iterator\n"
            "                          missed: sockets open already\n"
            "                          do: restart the service\n");
  EXPECT_EQ(list.worst(), CheckState::kDegraded);
  list.add(
      {.name = "btf", .state = CheckState::kUnknown, .finding = "", .affects = "", .remedy = ""});
  EXPECT_EQ(list.worst(), CheckState::kDegraded);
  list.add(
      {.name = "door", .state = CheckState::kBlocked, .finding = "", .affects = "", .remedy = ""});
  EXPECT_EQ(list.worst(), CheckState::kBlocked);
  EXPECT_TRUE(list.text(false).ends_with("  door          blocked\n"));
}

TEST(Checklist, ColoursOnlyTheState) {
  Checklist list;
  list.add({.name = "a", .state = CheckState::kOk, .finding = "b", .affects = "", .remedy = ""});
  EXPECT_EQ(list.text(true), "  a  \x1b[32mok      \x1b[0m  b\n");
  EXPECT_FALSE(wants_colour(-1));
}

TEST(Checks, ADoorSaysWhatItProved) {
  DoorAttempt attempt{
      .kind = door_kinds().data(), .taken = true, .checks = 115, .unix_checks = 100};
  const Check proven = door_check(attempt, true);
  EXPECT_EQ(proven.state, CheckState::kOk);
  EXPECT_TRUE(proven.finding.ends_with(
      "proven by 115 facts of a loopback exchange, 100 of one over AF_UNIX"))
      << proven.finding;
  attempt.unix_why_not = "the two ends do not join";
  const Check half = door_check(attempt, true);
  EXPECT_EQ(half.state, CheckState::kDegraded);
  EXPECT_TRUE(half.finding.ends_with("; not over AF_UNIX: the two ends do not join"))
      << half.finding;
  EXPECT_FALSE(half.affects.empty());
}

}  // namespace
}  // namespace sonde::cli
