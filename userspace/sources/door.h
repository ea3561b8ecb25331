// SPDX-License-Identifier: Apache-2.0
// Door: one way to see bytes at sockets (docs/architecture/overview.md), loaded and attached. Which
// doors there are is the list in door.cc; the best one that loads and proves itself is taken.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/bpf_object.h"

namespace sonde {

struct DoorKind {
  std::string_view name;         // "socktp-btf"
  std::string_view description;  // for people: what it hooks
  std::string_view misses;       // for people: what it does not see
  const void* (*elf)(size_t* size);
  const char* connections;  // the map its sweep walks
  const char* unused;       // the map of the other doors, not created
};

// Best first.
std::span<const DoorKind> door_kinds();

class Door {
 public:
  // Loads and attaches; nothing is watched until the switchboard's only_port says so.
  // max_connections bounds the doors that keep connections in a hash.
  static Result<std::unique_ptr<Door>> open(const DoorKind& kind, MapPool& pool,
                                            uint32_t ring_bytes, uint32_t max_connections);

  const DoorKind& kind() const { return kind_; }
  // Progress records of turns that fell silent, one behind the other.
  Result<std::vector<uint8_t>> sweep();
  std::vector<ProgramFacts> programs() const { return object_->programs(); }
  void detach() { object_->detach(); }

 private:
  Door(const DoorKind& kind, std::unique_ptr<BpfObject> object)
      : kind_(kind), object_(std::move(object)) {}

  const DoorKind& kind_;
  std::unique_ptr<BpfObject> object_;
};

}  // namespace sonde
