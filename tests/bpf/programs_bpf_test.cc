// SPDX-License-Identifier: Apache-2.0
// What the verifier walks for each program, against tests/bpf/verified_instructions.txt: the price
// of a start, and how far we are from the kernel's limit of a million.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string_view>

#include "tests/bpf/harness.h"

namespace sonde {
namespace {

constexpr uint32_t kFarBelowTheLimit = 500'000;
constexpr double kAllowed = 1.25;

class ProgramsTest : public BpfTest {};

struct Recorded {
  std::string kernel;                        // release they were counted on
  std::map<std::string, uint32_t> programs;  // "door program"
};

Recorded read_recorded() {
  Recorded out;
  std::ifstream file(SONDE_TEST_DATA "/bpf/verified_instructions.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    uint32_t count = 0;
    if (line.empty() || line[0] == '#' || !(words >> first >> second)) {
      continue;
    }
    if (first == "kernel") {
      out.kernel = second;
    } else if (words >> count) {
      out.programs[first + ' ' + second] = count;
    }
  }
  return out;
}

TEST_P(ProgramsTest, TheVerifierWalksNoMoreThanRecorded) {
  utsname host{};
  uname(&host);
  const Recorded recorded = read_recorded();
  // What follows the version is who built it, and when.
  const std::string_view release = host.release;
  const std::string_view version = release.substr(0, release.find('-'));
  const bool same_kernel = recorded.kernel == version;
  std::string counts = fmt::format("kernel {}\n", version);
  for (const ProgramFacts& program : kernel_->programs()) {
    const std::string name = fmt::format("{} {}", kernel_->door().name, program.name);
    counts += fmt::format("{} {}\n", name, program.verified);
    EXPECT_GT(program.verified, 0u) << name;
    EXPECT_LT(program.verified, kFarBelowTheLimit) << name;
    if (same_kernel) {
      const auto before = recorded.programs.find(name);
      ASSERT_NE(before, recorded.programs.end())
          << "not recorded: " << name << ' ' << program.verified;
      EXPECT_LE(program.verified, before->second * kAllowed) << name;
    }
  }
  std::printf("%s", counts.c_str());
  if (!same_kernel) {
    GTEST_SKIP() << "the counts were recorded on kernel " << recorded.kernel;
  }
}

SONDE_FOR_EACH_DOOR(ProgramsTest);

}  // namespace
}  // namespace sonde
