// SPDX-License-Identifier: Apache-2.0
#include "userspace/sources/sweep_walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "bpf/shared/records.h"
#include "skel/sweep_descriptors.skel.h"
#include "skel/sweep_hash.skel.h"
#include "skel/sweep_hash_iter.skel.h"
#include "skel/sweep_storage.skel.h"

namespace sonde {
namespace {

constexpr std::string_view kAllPrograms[] = {"sweep", "health_sweep", "sweep_unix"};

enum class How {
  kRun,       // its programs walk by themselves
  kMap,       // iterators over the map
  kIterator,  // iterators over something else
};

}  // namespace

struct SweepWalk::Way {
  const char* name;
  std::string_view map;
  How how;
  const void* (*elf)(size_t* size);
};

// Best first.
const SweepWalk::Way SweepWalk::kWays[] = {
    {"sweep_storage", "connections", How::kMap, sweep_storage_bpf__elf_bytes},
    {"sweep_descriptors", "connections", How::kIterator, sweep_descriptors_bpf__elf_bytes},
    {"sweep_hash", "connections_by_address", How::kRun, sweep_hash_bpf__elf_bytes},
    {"sweep_hash_iter", "connections_by_address", How::kMap, sweep_hash_iter_bpf__elf_bytes},
};

Result<std::unique_ptr<SweepWalk>> SweepWalk::open(MapPool& pool, const DoorKind& door,
                                                   std::string_view map,
                                                   std::span<const std::string_view> programs,
                                                   uint32_t ring_bytes) {
  std::string reasons;
  for (const Way& way : kWays) {
    if (way.map != map) {
      continue;
    }
    size_t size = 0;
    const void* elf = way.elf(&size);
    auto object = BpfObject::open(way.name, elf, size);
    if (!object) {
      return std::unexpected(object.error());
    }
    BpfObject& bpf = **object;
    // Not every object has every map and program: leaving out what is not there is fine.
    if (door.unused != nullptr) {
      (void)bpf.leave_out_map(door.unused);
    }
    (void)bpf.set_entries("events", ring_bytes);
    for (const std::string_view program : kAllPrograms) {
      if (std::ranges::find(programs, program) == programs.end()) {
        (void)bpf.leave_out_program(program);
      }
    }
    const auto loaded = bpf.load(pool);
    if (loaded) {
      return std::unique_ptr<SweepWalk>(new SweepWalk(way, std::move(*object)));
    }
    reasons += fmt::format("{}{}", reasons.empty() ? "" : "; ", loaded.error().what);
  }
  return fail(reasons);
}

Result<> SweepWalk::run(std::string_view program, RecordReader& reader) {
  if (way_.how == How::kRun) {
    return object_->run(program);
  }
  const auto records = object_->iterate(
      program, way_.how == How::kMap ? object_->map_fd(std::string(way_.map)) : -1);
  if (!records) {
    return std::unexpected(records.error());
  }
  // Progress records, one behind the other.
  std::span<const uint8_t> left(*records);
  while (left.size() >= sizeof(sonde_progress_record)) {
    reader.record(left.first(sizeof(sonde_progress_record)));
    left = left.subspan(sizeof(sonde_progress_record));
  }
  return {};
}

}  // namespace sonde
