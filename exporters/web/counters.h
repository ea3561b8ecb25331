// SPDX-License-Identifier: Apache-2.0
// What the web server counts of itself. Written by the web thread, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "userspace/model/metrics.h"

namespace sonde::web {

// Every status the server can answer with; handlers may answer others, which count as 0.
inline constexpr std::array<int, 13> kStatuses = {200, 304, 400, 401, 404, 405, 413,
                                                  429, 431, 500, 503, 505, 0};

// Why a connection ended before it was done.
enum class Drop : uint8_t {
  kTooMany,       // connections; it was told 503
  kHeadTimeout,   // its request did not come whole in time
  kWriteTimeout,  // it did not take its answer in time
  kBroken,        // it went away in the middle of something
  kHandshake,     // no TLS came about: a client that speaks none, or refused the certificate
};
inline constexpr std::array<std::string_view, 5> kDropNames = {
    "too_many", "head_timeout", "write_timeout", "broken", "handshake"};

class Counters {
 public:
  void connection() { add(connections_); }
  void answered(int status);
  void dropped(Drop why) { add(dropped_[static_cast<size_t>(why)]); }

  // sonde.web.connections, sonde.web.requests {status}, sonde.web.dropped {reason}.
  std::vector<MetricFamily> metrics() const;

 private:
  using Count = std::atomic<uint64_t>;
  static void add(Count& count) { count.fetch_add(1, std::memory_order_relaxed); }

  Count connections_{0};
  std::array<Count, kStatuses.size()> answered_{};
  std::array<Count, kDropNames.size()> dropped_{};
};

}  // namespace sonde::web
