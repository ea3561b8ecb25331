// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/open_files.h"

#include <fmt/format.h>
#include <sys/resource.h>

namespace sonde::cli {

std::string too_few_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return {};  // whoever opens a file will be told
  }
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit most{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    limit = setrlimit(RLIMIT_NOFILE, &most) == 0 ? most : limit;
  }
  if (limit.rlim_cur >= kFilesNeeded) {
    return {};
  }
  return fmt::format(
      "sonde: it may have {} files open and needs {}; raise the limit (ulimit -n, or LimitNOFILE= "
      "in a unit)\n",
      limit.rlim_cur, kFilesNeeded);
}

}  // namespace sonde::cli
