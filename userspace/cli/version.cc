// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/version.h"

#include <fmt/core.h>
#include <sys/utsname.h>

#include "userspace/cli/command.h"

namespace sonde::cli {
namespace {

#if defined(__clang__)
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "GCC " __VERSION__;
#endif

int run(const Config& /*config*/, const Arguments& arguments) {
  if (!arguments.words.empty()) {
    fmt::print(stderr, "sonde version: takes no words and no flags\n");
    return kWrongUse;
  }
  utsname host{};
  const bool known = ::uname(&host) == 0;
  // The values are given by CMakeLists.txt at configure time.
  fmt::print("sonde {} ({})\nbuilt with {}, {}\nkernel {} {}\n", version(), SONDE_REVISION,
             kCompiler, SONDE_BUILD_TYPE, known ? host.release : "unknown",
             known ? host.machine : "");
  return kOk;
}

}  // namespace

const Command version_command = {
    .name = "version",
    .summary = "print the version, how it was built, and the kernel it runs on",
    .usage = "",
    .text = "Put its output into every bug report.\n",
    .groups = {},
    .operands = {},
    .run = run,
};

}  // namespace sonde::cli
