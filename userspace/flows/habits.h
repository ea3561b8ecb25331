// SPDX-License-Identifier: Apache-2.0
// Habits: what the connections of one endpoint have in common, so that a new one need not begin
// from nothing: heads that are likely to come again, and what the sink noted on an exchange of
// them. A guess each time: heads are compared byte for byte, notes by the sink's own version.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "userspace/flows/exchanges.h"
#include "userspace/flows/flows.h"

namespace sonde {

// By side, where there are two.
struct Habit {
  const Protocol* protocol = nullptr;    // null: not known
  std::array<KnownHeadRef, 2> heads;     // null: none is likely
  std::array<size_t, 2> head_bytes{};    // the length that came last
  std::array<KnownHeadRef, 2> repeated;  // the heads of the exchange that is noted
  RepeatSlot repeat;                     // ... what the sink noted on it
  Pid repeat_pid{};                      // ... and whose it was
};

// Of the endpoints used last: each has one place, which another endpoint may take.
class Habits {
 public:
  static constexpr size_t kPlaces = 512;  // a power of two

 private:
  struct Key {
    std::array<uint8_t, 16> address{};
    uint32_t network_namespace = 0;
    uint16_t port = 0;
    Role role = Role::kUnknown;
    uint8_t family = 0;
    bool operator==(const Key&) const = default;
  };
  struct Place {
    Key key;
    uint64_t tenant = 0;
    Habit habit;
  };

 public:
  // A connection's claim to the habit of its endpoint.
  class Hold {
   public:
    // Null: it has none, or another endpoint took the place.
    Habit* get() const {
      return place_ != nullptr && place_->tenant == tenant_ ? &place_->habit : nullptr;
    }

   private:
    friend class Habits;
    Place* place_ = nullptr;
    uint64_t tenant_ = 0;
  };

  // The endpoint is who serves, and on which side of it the connection is. Holds nothing if that is
  // not known. The habits must outlive what is returned.
  Hold of(const ConnectionFacts& facts);

 private:
  static size_t place_of(const Key& key);

  std::vector<Place> places_;  // made with the first; never moved
  uint64_t last_tenant_ = 0;
};

}  // namespace sonde
