// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/runtimes/code_map.h"

#include <iterator>
#include <utility>

namespace sonde {

void CodeMap::make_room(uint64_t start, uint64_t end) {
  auto next = codes_.lower_bound(start);
  if (next != codes_.begin()) {
    const auto before = std::prev(next);
    const Code old = before->second;
    if (old.end > start) {
      before->second.end = start;
      if (old.end > end) {
        codes_.emplace(end, old);
      }
    }
  }
  while (next != codes_.end() && next->first < end) {
    const Code old = next->second;
    next = codes_.erase(next);
    if (old.end > end) {
      codes_.emplace(end, old);
      return;
    }
  }
}

// Two: the new one, and the tail of one that it splits.
bool CodeMap::insert(uint64_t start, uint64_t size, uint32_t name, uint32_t name_size) {
  if (size == 0 || size > UINT64_MAX - start || codes_.size() + 2 > kMaxCodes) {
    ++refused_;
    return false;
  }
  make_room(start, start + size);
  codes_.insert_or_assign(start, Code{start + size, name, name_size});
  return true;
}

bool CodeMap::define(uint64_t start, uint64_t size, std::string_view name) {
  name = name.substr(0, kMaxName);
  if (names_.size() + name.size() > kMaxNameBytes) {
    drop_unused_names();
  }
  // Half of them must have been garbage, or each definition would look for more of it.
  if (names_.size() + name.size() > kMaxNameBytes) {
    ++refused_;
    return false;
  }
  const auto at = static_cast<uint32_t>(names_.size());
  if (!insert(start, size, at, static_cast<uint32_t>(name.size()))) {
    return false;
  }
  names_ += name;
  return true;
}

bool CodeMap::move(uint64_t from, uint64_t to) {
  const auto found = codes_.find(from);
  if (found == codes_.end()) {
    return false;
  }
  const Code code = found->second;
  codes_.erase(found);
  return insert(to, code.end - from, code.name, code.name_size);
}

std::optional<CodeMap::Found> CodeMap::find(uint64_t address) const {
  auto after = codes_.upper_bound(address);
  if (after == codes_.begin()) {
    return std::nullopt;
  }
  const auto& [start, code] = *std::prev(after);
  if (address >= code.end) {
    return std::nullopt;
  }
  return Found{std::string_view(names_).substr(code.name, code.name_size), start};
}

void CodeMap::clear() {
  codes_.clear();
  names_.clear();
}

void CodeMap::drop_unused_names() {
  size_t used = 0;
  for (const auto& [start, code] : codes_) {
    used += code.name_size;
  }
  if (used > kMaxNameBytes / 2) {
    return;
  }
  std::string kept;
  kept.reserve(used);
  for (auto& [start, code] : codes_) {
    const auto at = static_cast<uint32_t>(kept.size());
    kept += std::string_view(names_).substr(code.name, code.name_size);
    code.name = at;
  }
  names_ = std::move(kept);
}

}  // namespace sonde
