// SPDX-License-Identifier: Apache-2.0
// What doctor says of profiles where they do not work: each line has the next step.
#include "userspace/cli/profile_checks.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "userspace/confine/capabilities.h"

namespace sonde::cli {
namespace {

constexpr uint64_t kAll = ~0ull;

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ProfileChecks, TheNextStepFitsTheReason) {
  const Error refused{.what = "open the clock of CPU 0: Permission denied", .code = EACCES};
  EXPECT_TRUE(says(no_sampler_check(refused, 3, kAll).remedy, "perf_event_paranoid=2 (it is 3"));
  EXPECT_TRUE(says(no_sampler_check(refused, 3, 0).remedy, "grant CAP_BPF"));
  EXPECT_FALSE(says(no_sampler_check(refused, 2, kAll).remedy, "perf_event_paranoid"));
  const Error old{.what = "Linux 6.1.20 may lock up when user memory is read", .code = 0};
  EXPECT_TRUE(says(no_sampler_check(old, 3, 0).remedy, "--force"));
  const Error other{.what = "no CPU has a clock", .code = 0};
  for (const Error& error : {refused, old, other}) {
    const Check check = no_sampler_check(error, 2, kAll);
    EXPECT_EQ(check.state, CheckState::kDegraded) << "all else works";
    EXPECT_EQ(check.finding, error.what);
    EXPECT_FALSE(check.remedy.empty());
    EXPECT_FALSE(check.affects.empty());
  }
}

TEST(ProfileChecks, NamesOfTheKernel) {
  EXPECT_EQ(kernel_names_check("", 1).state, CheckState::kOk);
  const Check hidden = kernel_names_check("the kernel hides its addresses", 2);
  EXPECT_EQ(hidden.state, CheckState::kDegraded);
  EXPECT_TRUE(says(hidden.remedy, "kptr_restrict=1"));
  EXPECT_FALSE(says(kernel_names_check("hidden", 1).remedy, "kptr_restrict"));
  EXPECT_TRUE(says(kernel_names_check("hidden", 1).remedy, "CAP_SYSLOG"));
}

TEST(ProfileChecks, WhoMayNothingIsToldWhatIsMissing) {
  std::vector<Check> checks;
  std::thread([&] {
    (void)confine::keep_only(0);  // of this thread
    checks = profile_checks({});
  }).join();
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].name, "profiles");
  EXPECT_EQ(checks[0].state, CheckState::kDegraded);
  EXPECT_TRUE(says(checks[0].remedy, "CAP_BPF")) << checks[0].remedy;
}

}  // namespace
}  // namespace sonde::cli
