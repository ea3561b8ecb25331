// SPDX-License-Identifier: Apache-2.0
// CappedTable: entries by key, so many in all and so many for each owner, that leave when nobody
// used them for long. The last tenth is kept for overflow entries, so that an owner that comes late
// still has one. One thread.
#pragma once

#include <tsl/robin_map.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/pipeline/idle_clock.h"

namespace sonde {

// What an owner has of a table. It must outlive its entries.
struct Share {
  size_t entries = 0;
};

// What the table keeps on an entry; the entry has it as its member `lease`.
struct Lease {
  std::string key;
  Share* share = nullptr;
  uint64_t began_ns = 0;  // kernel clock
  uint32_t used = 0;      // IdleClock's now(); written by whoever uses the entry
};

template <typename Entry>
class CappedTable {
 public:
  struct Limits {
    size_t entries = 0;
    size_t of_share = 0;
  };

  explicit CappedTable(const Limits& limits) : limits_(limits) {}

  // nullptr: not there.
  Entry* find(std::string_view key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : found->second;
  }

  // Is there room for one more entry of its own?
  bool has_room(const Share& share) const {
    return share.entries < limits_.of_share &&
           entries_.size() + limits_.entries / kKeptBack < limits_.entries;
  }
  // ... for one that many share?
  bool has_room_for_overflow() const { return entries_.size() < limits_.entries; }

  // The caller has made sure that the key is new and there is room. The entry stays where it is
  // until it leaves.
  Entry& add(std::string_view key, Share& share, const IdleClock& clock, uint64_t began_ns) {
    Entry& entry = *entries_.emplace_back(std::make_unique<Entry>());
    entry.lease = {
        .key = std::string(key), .share = &share, .began_ns = began_ns, .used = clock.now()};
    by_key_.emplace(entry.lease.key, &entry);
    ++share.entries;
    return entry;
  }

  // Lets idle entries go; how many. Order is kept.
  size_t expire(const IdleClock& clock) {
    const size_t before = entries_.size();
    std::erase_if(entries_, [&](const std::unique_ptr<Entry>& entry) {
      if (!clock.idle(entry->lease.used)) {
        return false;
      }
      by_key_.erase(std::string_view(entry->lease.key));
      --entry->lease.share->entries;
      return true;
    });
    const size_t gone = before - entries_.size();
    if (gone != 0 && entries_.capacity() / 4 > entries_.size()) {
      entries_.shrink_to_fit();
      by_key_.rehash(0);
    }
    return gone;
  }

  size_t size() const { return entries_.size(); }
  // In the order they came.
  const std::vector<std::unique_ptr<Entry>>& entries() const { return entries_; }

 private:
  static constexpr size_t kKeptBack = 10;

  const Limits limits_;
  std::vector<std::unique_ptr<Entry>> entries_;
  tsl::robin_map<std::string_view, Entry*> by_key_;  // keys lie in the entries
};

}  // namespace sonde
