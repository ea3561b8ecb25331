// SPDX-License-Identifier: Apache-2.0
// A file in memory that a test or a fuzz target has something write to, and reads back.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "userspace/base/fd.h"

namespace sonde {

inline Fd scratch_file() { return Fd(::memfd_create("scratch", MFD_CLOEXEC)); }

inline std::string bytes_of_file(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return {};
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), 0);
  bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return bytes;
}

}  // namespace sonde
