// SPDX-License-Identifier: Apache-2.0
#include "userspace/flows/habits.h"

#include <bit>
#include <cstring>
#include <type_traits>

namespace sonde {

size_t Habits::place_of(const Key& key) {
  std::array<uint64_t, sizeof(Key) / sizeof(uint64_t)> words{};
  static_assert(sizeof(words) == sizeof(Key) && std::has_unique_object_representations_v<Key>);
  std::memcpy(words.data(), &key, sizeof(key));
  uint64_t hash = 0;
  for (const uint64_t word : words) {
    hash = (hash ^ hash >> 32 ^ word) * 0x9e3779b97f4a7c15ull;
  }
  // The upper bits depend on all others; the lower ones do not.
  return hash >> (64 - std::countr_zero(kPlaces));
}

Habits::Hold Habits::of(const ConnectionFacts& facts) {
  Hold hold;
  const Address& server = facts.role == Role::kServer ? facts.local : facts.remote;
  const bool is_unix = server.family == kUnixFamily;
  if (facts.role == Role::kUnknown ||
      (is_unix ? server.bytes == Address().bytes : server.port == 0)) {
    return hold;
  }
  if (places_.empty()) {
    places_.resize(kPlaces);
  }
  const Key key{.address = server.bytes,
                .network_namespace = facts.network_namespace,
                .port = server.port,
                .role = facts.role,
                .family = server.family};
  Place& place = places_[place_of(key)];
  if (place.tenant == 0 || !(place.key == key)) {
    place = {.key = key, .tenant = ++last_tenant_, .habit = {}};
  }
  hold.place_ = &place;
  hold.tenant_ = place.tenant;
  return hold;
}

}  // namespace sonde
