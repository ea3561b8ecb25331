// SPDX-License-Identifier: Apache-2.0
// What doctor says of the machine, by what the kernel's files hold.
#include "userspace/cli/machine_checks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sonde {
namespace {

Lockdown lockdown_of(std::string_view text) {
  const auto path =
      std::filesystem::temp_directory_path() / ("sonde-lockdown-" + std::to_string(getpid()));
  std::ofstream(path) << text;
  const Lockdown mode = lockdown(path);
  std::filesystem::remove(path);
  return mode;
}

TEST(MachineChecks, TheLockdownInBracketsHolds) {
  EXPECT_EQ(lockdown_of("[none] integrity confidentiality\n"), Lockdown::kNone);
  EXPECT_EQ(lockdown_of("none [integrity] confidentiality\n"), Lockdown::kIntegrity);
  EXPECT_EQ(lockdown_of("none integrity [confidentiality]\n"), Lockdown::kConfidentiality);
  for (const std::string& other :
       {std::string(), std::string("none integrity confidentiality"), std::string(100'000, '[')}) {
    EXPECT_EQ(lockdown_of(other), Lockdown::kUnknown) << other;
  }
  EXPECT_EQ(lockdown("/nowhere"), Lockdown::kUnknown);
}

TEST(MachineChecks, OnlyALockdownThatForbidsReadingBlocks) {
  using enum Lockdown;
  for (const Lockdown mode : {kUnknown, kNone, kIntegrity}) {
    EXPECT_EQ(cli::lockdown_check(mode).state, cli::CheckState::kOk);
  }
  const cli::Check check = cli::lockdown_check(kConfidentiality);
  EXPECT_EQ(check.state, cli::CheckState::kBlocked);
  EXPECT_NE(check.remedy.find("lockdown=integrity"), std::string::npos);
}

}  // namespace
}  // namespace sonde
