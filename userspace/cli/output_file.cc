// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace sonde::cli {

Result<Fd> open_output(const std::string& path) {
  if (path == kStandardOutput) {
    return Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  }
  constexpr mode_t kRights = 0644;
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kRights));
  if (!file.ok()) {
    return fail_errno(path, errno);
  }
  return file;
}

Result<> write_all(const Fd& file, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_errno(path, errno);
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace sonde::cli
