// SPDX-License-Identifier: Apache-2.0
// The kernel side's table of TCP peers (bpf/maps/tcp_health.h), read in batches. One reader at a
// time; the descriptor is borrowed from a MapPool that must live longer.
#pragma once

#include <optional>
#include <vector>

#include "bpf/shared/tcp_health.h"
#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

struct TcpPeerEntry {
  sonde_tcp_peer peer;
  sonde_tcp_health health;
};

class TcpPeerMap {
 public:
  explicit TcpPeerMap(const MapPool& pool) : fd_(pool.find("tcp_peers")) {}

  // Everything in it. Entries that come meanwhile may be missing; none is there twice.
  Result<> read(std::vector<TcpPeerEntry>& out) const;
  // Takes an entry out; what it held at last, if the kernel can tell (since 5.14).
  std::optional<sonde_tcp_health> take(const sonde_tcp_peer& peer) const;

 private:
  int fd_;
};

}  // namespace sonde
