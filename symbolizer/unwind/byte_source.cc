// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/unwind/byte_source.h"

#include <unistd.h>

#include <cerrno>

namespace sonde {

bool ByteSource::read(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    return false;
  }
  if (out.empty()) {
    return true;
  }
  if (fd_ < 0) {
    std::memcpy(out.data(), at_ + offset, out.size());
    return true;
  }
  while (!out.empty()) {
    const ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<size_t>(got);
  }
  return true;
}

}  // namespace sonde
