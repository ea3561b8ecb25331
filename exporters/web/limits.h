// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace sonde::web {

struct Limits {
  size_t max_connections = 64;
  // Of answers not yet taken, a shared one counted once; beyond it requests are answered 503. The
  // answer that crosses the line is still made, since its size is not known before.
  size_t max_response_bytes = size_t{64} * 1024 * 1024;
  uint64_t head_timeout_ns =
      10'000'000'000;  // from a request's first byte (or accept) to the end of its head
  uint64_t idle_timeout_ns = 60'000'000'000;   // between two requests
  uint64_t write_timeout_ns = 30'000'000'000;  // for a whole answer
};

}  // namespace sonde::web
