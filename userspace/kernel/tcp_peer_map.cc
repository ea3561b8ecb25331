// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/tcp_peer_map.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "bpf/shared/limits.h"

namespace sonde {

Result<> TcpPeerMap::read(std::vector<TcpPeerEntry>& out) const {
  out.clear();
  std::vector<sonde_tcp_peer> peers(512);
  std::vector<sonde_tcp_health> healths(peers.size());
  uint32_t place = 0;  // where the next batch begins, in the kernel's terms
  bool first = true;
  for (;;) {
    auto count = static_cast<uint32_t>(peers.size());
    const int done = bpf_map_lookup_batch(fd_, first ? nullptr : &place, &place, peers.data(),
                                          healths.data(), &count, nullptr);
    const int error = done == 0 ? 0 : errno;
    if (error == ENOSPC && peers.size() < SONDE_MAX_TCP_PEERS) {
      // A chain of the hash is longer than what we offer.
      peers.resize(peers.size() * 2);
      healths.resize(peers.size());
      continue;
    }
    if (error != 0 && error != ENOENT) {
      return fail_errno("read BPF map tcp_peers", error);
    }
    for (size_t i = 0; i < std::min<size_t>(count, peers.size()); i++) {
      out.push_back({peers[i], healths[i]});
    }
    if (error == ENOENT) {
      return {};
    }
    first = false;
  }
}

std::optional<sonde_tcp_health> TcpPeerMap::take(const sonde_tcp_peer& peer) const {
  sonde_tcp_health last{};
  if (bpf_map_lookup_and_delete_elem(fd_, &peer, &last) == 0) {
    return last;
  }
  bpf_map_delete_elem(fd_, &peer);
  return std::nullopt;
}

}  // namespace sonde
