// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "exporters/pprof/decode.h"
#include "exporters/stacks/compared.h"
#include "userspace/base/log.h"
#include "userspace/cli/command.h"
#include "userspace/cli/output_file.h"

namespace sonde::cli {
namespace {

constexpr OptionGroup kGroups[] = {OptionGroup::kPicture, OptionGroup::kGeneral};
constexpr size_t kProfiles = 2;

Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) {
    return fail_errno(path, errno);
  }
  std::string out;
  constexpr size_t kStep = size_t{1} << 20;
  while (out.size() <= pprof::kMaxPlainBytes) {
    const size_t had = out.size();
    out.resize(had + kStep);
    const ssize_t n = ::read(file.get(), out.data() + had, kStep);
    if (n < 0) {
      return fail_errno(path, errno);
    }
    out.resize(had + static_cast<size_t>(n));
    if (n == 0) {
      return out;
    }
  }
  return fail(path + ": it is larger than 64 MiB");
}

Result<Profile> read_profile(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  auto profile = pprof::decode(*bytes);
  return profile ? std::move(profile) : with_context(path, profile.error());
}

int failed(const Error& error) {
  log::error("{}", error.what);
  return kFailure;
}

int run(const Config& config, const Arguments& /*arguments*/) {
  const std::vector<std::string>& paths = config.compare.profiles;
  if (paths.size() != kProfiles) {
    fmt::print(stderr, "sonde compare: two profiles are wanted: before, after\n");
    return kWrongUse;
  }
  const auto before = read_profile(paths[0]);
  if (!before) {
    return failed(before.error());
  }
  const auto after = read_profile(paths[1]);
  if (!after) {
    return failed(after.error());
  }
  if (const std::string& flame = config.profile.flame; !flame.empty()) {
    const auto file = open_output(flame);
    if (!file) {
      return failed(file.error());
    }
    const std::string picture = stacks::flame_comparison(
        *before, *after, fmt::format("CPU time, {} to {}", paths[0], paths[1]));
    if (auto written = write_all(*file, flame, picture); !written) {
      return failed(written.error());
    }
    if (flame == kStandardOutput) {
      return kOk;
    }
  }
  fmt::print("{}", stacks::comparison(*before, *after));
  return kOk;
}

}  // namespace

const Command compare_command = {
    .name = "compare",
    .summary = "tell which functions take more or less CPU time in a later profile",
    .usage = "[flags] BEFORE AFTER",
    .text =
        R"(Reads two CPU profiles in pprof's format, of `sonde profile`, of /debug/pprof/profile or of a Go
program, and prints a table of the functions whose share of CPU time changed most. --flame draws
both in one flame graph: red grew, blue shrank.

Shares are compared, not seconds: one profile may be of a longer time, or of more work. How much a
share may differ by chance, since samples are few, stands beside it.

Privileges: none, but those to read the files.

Examples:
  sonde compare before.pb.gz after.pb.gz
  sonde compare monday.pb.gz today.pb.gz --flame change.svg
)",
    .groups = kGroups,
    .operands = "compared",
    .run = run,
};

}  // namespace sonde::cli
