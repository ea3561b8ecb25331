// SPDX-License-Identifier: Apache-2.0
// The command line as a person or a script meets it: output, exit codes, and the pages made of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "userspace/cli/checklist.h"
#include "userspace/cli/command.h"
#include "userspace/cli/privileges.h"
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
    EXPECT_TRUE(command->operands.empty() || option_by_path(command->operands) != nullptr)
        << command->name;
  }
}

TEST(Privileges, EffectiveSetIsRead) {
  EXPECT_EQ(effective_capabilities("CapPrm:\tff\nCapEff:\t000001ffffffffff\n"), 0x1ffffffffffu);
  EXPECT_EQ(effective_capabilities("CapEff:\tzz\n"), std::nullopt);
  EXPECT_EQ(effective_capabilities(""), std::nullopt);
  EXPECT_TRUE(effective_capabilities().has_value());
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

}  // namespace
}  // namespace sonde::cli
