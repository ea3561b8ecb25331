// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/write_all.h"

#include <unistd.h>

#include <cerrno>

namespace sonde {

int write_all(int fd, std::string_view bytes, uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return put == 0 ? EIO : errno;
    }
    bytes.remove_prefix(static_cast<size_t>(put));
    at += static_cast<size_t>(put);
  }
  return 0;
}

}  // namespace sonde
