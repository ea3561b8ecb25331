// SPDX-License-Identifier: Apache-2.0
// The health of TCP between a process and one of its peers: what the kernel side counted, as the
// middle speaks of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "userspace/model/events.h"

namespace sonde {

// Upper bounds in seconds; what is beyond the last is in one more bucket.
inline constexpr std::array kTcpConnectBounds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05,
                                                 0.1,    0.25,  0.5,   1.0,   2.5,  5.0,   10.0};
inline constexpr std::array kTcpRttBounds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.025,
                                             0.05,   0.1,   0.25,  0.5,   1.0};

// Why a connect failed (bpf/shared/tcp_health.h says what each means).
inline constexpr std::array<std::string_view, 6> kTcpFailures = {
    "refused", "timeout", "unreachable", "reset", "aborted", "other"};

struct TcpPeer {
  Pid pid{};
  Role role = Role::kUnknown;  // of the process
  Address remote;              // its port is that of the server, whoever that is
};

// Counts of one peer: in all, or what was added since the last reading.
struct TcpCounts {
  std::array<uint64_t, kTcpConnectBounds.size() + 1> connects{};
  std::array<uint64_t, kTcpRttBounds.size() + 1> rtts{};
  std::array<uint64_t, kTcpFailures.size()> failures{};
  std::array<uint64_t, 2> resets{};  // by Direction
  uint64_t retransmits = 0;          // segments
  uint64_t connect_us = 0;           // sum of the times in connects
  uint64_t rtt_us = 0;               // and in rtts

  bool operator==(const TcpCounts&) const = default;
};

}  // namespace sonde
