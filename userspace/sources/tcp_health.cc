// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/tcp_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "bpf/shared/limits.h"
#include "skel/tcp_health_bare.skel.h"
#include "skel/tcp_health_btf.skel.h"
#include "skel/tcp_health_raw.skel.h"
#include "userspace/kernel/kernel_types.h"

namespace sonde {
namespace {

// Entries that have not moved for so long are taken out; all that rest when the table is this full.
constexpr uint64_t kRestNs = 60'000'000'000;
constexpr size_t kFull = size_t{SONDE_MAX_TCP_PEERS} * 3 / 4;

constexpr bool bounds_agree() {
  constexpr std::array kBoundsUs = {
#define X(bound) bound,
      SONDE_TCP_BOUNDS(X)
#undef X
  };
  for (size_t i = 0; i < kTcpConnectBounds.size(); i++) {
    const double us = kTcpConnectBounds[i] * 1e6;
    if (us - kBoundsUs[i] > 0.5 || kBoundsUs[i] - us > 0.5 ||
        (i < kTcpRttBounds.size() && kTcpRttBounds[i] != kTcpConnectBounds[i])) {
      return false;
    }
  }
  return kBoundsUs.size() == kTcpConnectBounds.size();
}
static_assert(bounds_agree());
static_assert(SONDE_TCP_CONNECT_BUCKETS == kTcpConnectBounds.size() + 1);
static_assert(SONDE_TCP_RTT_BUCKETS == kTcpRttBounds.size() + 1);

constexpr bool failures_agree() {
  constexpr std::string_view kNames[] = {
#define X(name) #name,
      SONDE_TCP_FAILURES(X)
#undef X
  };
  return std::ranges::equal(kNames, kTcpFailures);
}
static_assert(failures_agree());

constexpr std::string_view kResetPrograms[] = {"health_reset_in", "health_reset_out"};

struct Flavour {
  const char* name;
  const void* (*elf)(size_t* size);
};

// The state of connections is where the door keeps it.
Flavour flavour_of(const DoorKind& door) {
  if (!kernel_types().own) {
    return {"tcp_health_bare", tcp_health_bare_bpf__elf_bytes};
  }
  return door.connections == "connections"
             ? Flavour{"tcp_health_btf", tcp_health_btf_bpf__elf_bytes}
             : Flavour{"tcp_health_raw", tcp_health_raw_bpf__elf_bytes};
}

Result<std::unique_ptr<BpfObject>> open_hooks(MapPool& pool, const Flavour& flavour, bool resets) {
  size_t size = 0;
  const void* elf = flavour.elf(&size);
  auto object = BpfObject::open(flavour.name, elf, size);
  if (!object) {
    return object;
  }
  auto prepare = [&]() -> Result<> {
    for (const std::string_view program : kResetPrograms) {
      if (!resets) {
        if (auto done = (*object)->leave_out_program(program); !done) {
          return done;
        }
      }
    }
    if (auto done = (*object)->load(pool); !done) {
      return done;
    }
    return (*object)->attach();
  };
  if (auto done = prepare(); !done) {
    return std::unexpected(done.error());
  }
  return object;
}

TcpPeer to_model(const sonde_tcp_peer& peer) {
  TcpPeer out;
  out.pid = Pid{peer.pid};
  out.role = peer.role == SONDE_ROLE_SERVER   ? Role::kServer
             : peer.role == SONDE_ROLE_CLIENT ? Role::kClient
                                              : Role::kUnknown;
  std::memcpy(out.remote.bytes.data(), peer.address, sizeof(peer.address));
  out.remote.port = peer.port;
  out.remote.family = peer.family;
  return out;
}

// What came since; 32-bit counts wrap around, and so does their difference.
template <size_t kCount>
void subtract(const uint32_t (&now)[kCount], const uint32_t (&before)[kCount],
              std::array<uint64_t, kCount>& out) {
  for (size_t i = 0; i < kCount; i++) {
    out[i] = static_cast<uint32_t>(now[i] - before[i]);
  }
}

TcpCounts difference(const sonde_tcp_health& now, const sonde_tcp_health& before) {
  TcpCounts out;
  subtract(now.connects, before.connects, out.connects);
  subtract(now.rtts, before.rtts, out.rtts);
  subtract(now.failures, before.failures, out.failures);
  subtract(now.resets, before.resets, out.resets);
  out.retransmits = static_cast<uint32_t>(now.retransmits - before.retransmits);
  out.connect_us = now.connect_us - before.connect_us;
  out.rtt_us = now.rtt_us - before.rtt_us;
  return out;
}

}  // namespace

size_t TcpHealth::PeerHash::operator()(const sonde_tcp_peer& peer) const {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&peer), sizeof(peer)});
}

bool TcpHealth::PeerEqual::operator()(const sonde_tcp_peer& a, const sonde_tcp_peer& b) const {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

Result<std::unique_ptr<TcpHealth>> TcpHealth::open(MapPool& pool, const DoorKind& door,
                                                   Sweeps& sweeps,
                                                   std::vector<std::string>& missing) {
  const Flavour flavour = flavour_of(door);
  auto object = open_hooks(pool, flavour, true);
  if (!object) {
    const std::string why = object.error().what;
    object = open_hooks(pool, flavour, false);
    if (!object) {
      return std::unexpected(object.error());
    }
    missing.push_back("TCP resets are not counted: " + why);
  }
  return std::unique_ptr<TcpHealth>(new TcpHealth(std::move(*object), pool, sweeps));
}

void TcpHealth::tell(const sonde_tcp_peer& peer, Seen& seen, const sonde_tcp_health& now,
                     const Reader& reader) {
  reader(to_model(peer), difference(now, seen.health));
  seen.health = now;
}

Result<> TcpHealth::read(uint64_t now_ns, const Reader& reader) {
  if (auto read = map_.read(entries_); !read) {
    return read;
  }
  const uint64_t rest_ns = entries_.size() > kFull ? 0 : kRestNs;
  for (const auto& [peer, health] : entries_) {
    const auto [at, fresh] = seen_.try_emplace(peer);
    Seen& seen = at->second;
    if (fresh || std::memcmp(&seen.health, &health, sizeof(health)) != 0) {
      seen.moved_ns = now_ns;
      tell(peer, seen, health, reader);
    } else if (now_ns - seen.moved_ns >= rest_ns) {
      if (const auto last = map_.take(peer);
          last && std::memcmp(&seen.health, &*last, sizeof(*last)) != 0) {
        tell(peer, seen, *last, reader);
      }
      seen_.erase(at);
    }
  }
  return {};
}

}  // namespace sonde
