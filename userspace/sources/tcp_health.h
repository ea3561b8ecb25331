// SPDX-License-Identifier: Apache-2.0
// TcpHealth: the hooks that watch connects, round-trip times, retransmits and resets. The kernel
// side sums up per process and peer; we read the sums and tell what was added. Beside the door, on
// which it depends for who owns a connection. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"
#include "userspace/kernel/tcp_peer_map.h"
#include "userspace/model/tcp_health.h"
#include "userspace/sources/door.h"
#include "userspace/sources/sweeps.h"

namespace sonde {

class TcpHealth {
 public:
  using Reader = std::function<void(const TcpPeer& peer, const TcpCounts& added)>;

  // Loads and attaches, beside a door that is attached already. What this kernel does not have goes
  // into missing, as a sentence; fails only if nothing works. The pool and
  // the sweeps must live longer.
  static Result<std::unique_ptr<TcpHealth>> open(MapPool& pool, const DoorKind& door,
                                                 Sweeps& sweeps, std::vector<std::string>& missing);

  // Has the kernel side look at living connections: otherwise they are told when they end.
  Result<> sweep() { return sweeps_.look_at_health(); }

  // Tells what was counted since the last reading; each count is told once. Entries that rest are
  // taken out of the kernel's table, sooner when it fills.
  Result<> read(uint64_t now_ns, const Reader& reader);

  std::vector<ProgramFacts> programs() const { return object_->programs(); }

 private:
  struct Seen {
    sonde_tcp_health health{};
    uint64_t moved_ns = 0;
  };
  struct PeerHash {
    size_t operator()(const sonde_tcp_peer& peer) const;
  };
  struct PeerEqual {
    bool operator()(const sonde_tcp_peer& a, const sonde_tcp_peer& b) const;
  };

  TcpHealth(std::unique_ptr<BpfObject> object, const MapPool& pool, Sweeps& sweeps)
      : object_(std::move(object)), map_(pool), sweeps_(sweeps) {}

  void tell(const sonde_tcp_peer& peer, Seen& seen, const sonde_tcp_health& now,
            const Reader& reader);

  std::unique_ptr<BpfObject> object_;
  TcpPeerMap map_;
  Sweeps& sweeps_;
  std::unordered_map<sonde_tcp_peer, Seen, PeerHash, PeerEqual> seen_;  // what the table holds
  std::vector<TcpPeerEntry> entries_;                                   // scratch
};

}  // namespace sonde
