// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/sweeps.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace sonde {
namespace {

// AF_UNIX connections are in it with every door.
constexpr std::string_view kHash = "connections_by_address";

// The health of TCP is counted in the kernel: its sweep tells no record.
class NoRecords : public RecordReader {
  void record(std::span<const uint8_t>) override {}
};

}  // namespace

std::unique_ptr<Sweeps> Sweeps::open(MapPool& pool, const DoorKind& door, uint32_t ring_bytes,
                                     bool tcp_health, std::vector<std::string>& missing) {
  auto out = std::make_unique<Sweeps>();
  const bool one = door.connections == kHash;
  std::vector<std::string_view> programs{"sweep"};
  if (tcp_health) {
    programs.emplace_back("health_sweep");
  }
  if (one) {
    programs.emplace_back("sweep_unix");
  }
  if (auto walk = SweepWalk::open(pool, door, door.connections, programs, ring_bytes); walk) {
    out->walk_ = std::move(*walk);
  } else {
    missing.push_back("ends of some answers come late: " + walk.error().what);
  }
  if (one) {
    return out;
  }
  constexpr std::string_view kUnix[] = {"sweep_unix"};
  if (auto walk = SweepWalk::open(pool, door, kHash, kUnix, ring_bytes); walk) {
    out->unix_walk_ = std::move(*walk);
  } else {
    missing.push_back("ends of AF_UNIX connections are seen only by who reads on: " +
                      walk.error().what);
  }
  return out;
}

Result<> Sweeps::tell_silent(RecordReader& reader) {
  return walk_ ? walk_->run("sweep", reader) : Result<>();
}

Result<> Sweeps::tell_unix(RecordReader& reader) {
  SweepWalk* walk = unix_walk_ ? unix_walk_.get() : walk_.get();
  return walk != nullptr ? walk->run("sweep_unix", reader) : Result<>();
}

Result<> Sweeps::look_at_health() {
  NoRecords nobody;
  return walk_ ? walk_->run("health_sweep", nobody) : Result<>();
}

std::vector<ProgramFacts> Sweeps::programs() const {
  std::vector<ProgramFacts> out;
  for (const auto* walk : {walk_.get(), unix_walk_.get()}) {
    if (walk != nullptr) {
      std::ranges::move(walk->programs(), std::back_inserter(out));
    }
  }
  return out;
}

}  // namespace sonde
