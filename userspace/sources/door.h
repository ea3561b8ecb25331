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
#include "userspace/model/doors.h"

namespace sonde {

struct DoorKind {
  DoorChoice choice;
  std::string_view name;         // of the choice: "socktp-btf"
  std::string_view description;  // for people: what it hooks
  std::string_view misses;       // for people: what it does not see
  std::string_view tracepoint;   // not every kernel has it: without it the door cannot be
  std::string_view since;        // for people: which Linux brought that
  const void* (*elf)(size_t* size);
  // For a kernel without types of its own; null: it needs them.
  const void* (*bare_elf)(size_t* size);
  std::string_view connections;  // the map that holds their state
  // The map of the other doors, not created; null: those in the sockets are not enough, the hash is
  // for AF_UNIX alone.
  const char* unused;
};

// Best first.
std::span<const DoorKind> door_kinds();

class Door {
 public:
  // Loads and attaches; nothing is watched until the switchboard's only_port says so.
  // max_connections bounds the doors that keep connections in a hash. tcp_health: there is room for
  // it; it is watched when the switchboard says so.
  static Result<std::unique_ptr<Door>> open(const DoorKind& kind, MapPool& pool,
                                            uint32_t ring_bytes, uint32_t max_connections,
                                            bool tcp_health);

  const DoorKind& kind() const { return kind_; }
  std::vector<ProgramFacts> programs() const { return object_->programs(); }
  void detach() { object_->detach(); }

 private:
  Door(const DoorKind& kind, std::unique_ptr<BpfObject> object)
      : kind_(kind), object_(std::move(object)) {}

  const DoorKind& kind_;
  std::unique_ptr<BpfObject> object_;
};

}  // namespace sonde
