// SPDX-License-Identifier: Apache-2.0
// RequestCache: the short cut from a request's raw values to its series. Direct-mapped: a slot
// holds the last request that fell on it, and is compared byte for byte, so that a collision costs
// a look-up and never a wrong count.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>

#include "userspace/model/request.h"
#include "userspace/model/service.h"
#include "userspace/pipeline/series.h"

namespace sonde {

constexpr bool is_label(const Attribute& attribute, Role role) {
  return role == Role::kServer ? attribute.on_server : attribute.on_client;
}

// A request's raw values as bytes: equal if and only if they lead to the same series. Too long: not
// ok(), no cache.
class RawKey {
 public:
  static constexpr size_t kMaxBytes = 232;

  RawKey(const Request& request, const Service* service) {
    append(static_cast<const void*>(&service), sizeof(service));
    append(static_cast<const void*>(&request.schema), sizeof(request.schema));
    append(&request.role, sizeof(request.role));
    const auto attributes = request.schema->attributes;
    for (size_t i = 0; i < attributes.size() && i < kMaxAttributes; ++i) {
      if (is_label(attributes[i], request.role)) {
        append_text(request.values[i]);
      }
    }
    if (request.schema->route_attribute >= 0) {
      append_text(request.path);
    }
  }

  bool ok() const { return ok_; }
  std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  void append(const void* data, size_t size) {
    std::memcpy(bytes_.data() + size_, data, size);
    size_ += size;
  }
  void append_text(std::string_view text) {
    const auto size = static_cast<uint8_t>(text.size());
    if (!ok_ || text.size() > kMaxBytes || size_ + sizeof(size) + text.size() > kMaxBytes) {
      ok_ = false;
      return;
    }
    append(&size, sizeof(size));
    if (size != 0) {
      append(text.data(), size);
    }
  }

  std::array<char, kMaxBytes> bytes_;  // only the first size_ are written
  size_t size_ = 0;
  bool ok_ = true;
};

class RequestCache {
 public:
  RequestCache() : slots_(std::make_unique<Slots>()) {}

  // nullptr: not known. Valid for keys that are ok().
  Series* find(const RawKey& key, size_t hash) const {
    const Slot& slot = (*slots_)[hash % kSlots];
    const std::string_view bytes = key.bytes();
    const bool same = slot.hash == hash && slot.size == bytes.size() &&
                      std::memcmp(slot.bytes.data(), bytes.data(), bytes.size()) == 0;
    return same ? slot.series : nullptr;
  }

  void put(const RawKey& key, size_t hash, Series& series) {
    Slot& slot = (*slots_)[hash % kSlots];
    const std::string_view bytes = key.bytes();
    std::memcpy(slot.bytes.data(), bytes.data(), bytes.size());
    slot.size = bytes.size();
    slot.hash = hash;
    slot.series = &series;
  }

  // To be called whenever a raw value may lead elsewhere than before, or a service's address be
  // used again.
  void clear() {
    for (Slot& slot : *slots_) {
      slot.size = 0;
    }
  }

  static size_t hash(const RawKey& key) { return std::hash<std::string_view>{}(key.bytes()); }

 private:
  static constexpr size_t kSlots = 1024;  // 256 KiB
  struct Slot {
    Series* series = nullptr;
    size_t hash = 0;
    size_t size = 0;  // 0: empty
    std::array<char, RawKey::kMaxBytes> bytes;
  };
  using Slots = std::array<Slot, kSlots>;

  std::unique_ptr<Slots> slots_;
};

}  // namespace sonde
