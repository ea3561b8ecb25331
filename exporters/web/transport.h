// SPDX-License-Identifier: Apache-2.0
// Transport: how bytes come from a client and go to it: plainly, or through TLS. Never blocks.
// Owned by the connection; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "userspace/base/fd.h"

namespace sonde::web {

enum class Io : uint8_t {
  kDone,        // that many bytes
  kWantsRead,   // nothing now: again when the socket can be read
  kWantsWrite,  // nothing now: again when it can be written to
  kEnded,       // the client will send no more
  kBroken,      // nothing more in either direction
  kRefused,     // broken before the first byte: no handshake
};

struct IoResult {
  Io state = Io::kBroken;
  size_t bytes = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual int fd() const = 0;
  virtual IoResult read(std::span<char> into) = 0;
  // Some of head, or of what follows it.
  virtual IoResult write(std::string_view head, std::string_view body) = 0;
  // false: still shaking hands.
  virtual bool established() const { return true; }
  // Bytes may be here that poll does not tell of.
  virtual bool has_pending() const { return false; }
  // Tells the client that no more comes.
  virtual void end() = 0;
};

// fd is non-blocking.
std::unique_ptr<Transport> plain_transport(Fd fd);

}  // namespace sonde::web
