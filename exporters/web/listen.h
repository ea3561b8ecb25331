// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::web {

struct Listener {
  Fd fd;  // non-blocking
  uint16_t port = 0;
  bool is_loopback = true;  // other machines cannot reach it
};

// Listens on "1.2.3.4:80", "[::1]:80", "localhost:80" or ":80". Names are not resolved: who listens
// should not depend on a name server.
Result<Listener> listen_on(std::string_view address);

}  // namespace sonde::web
