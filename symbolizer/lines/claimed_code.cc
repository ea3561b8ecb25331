// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/claimed_code.h"

#include <algorithm>
#include <iterator>

namespace sonde {

std::vector<CodeRange> ClaimedCode::claim(std::vector<CodeRange> wanted) {
  std::ranges::sort(wanted, {}, &CodeRange::begin);
  std::vector<CodeRange> free;
  for (const auto& [begin, end] : wanted) {
    if (begin >= end) {
      continue;
    }
    auto next = claimed_.lower_bound(begin);
    uint64_t whole_begin = begin;
    uint64_t whole_end = end;
    uint64_t at = begin;
    if (next != claimed_.begin() && std::prev(next)->second >= begin) {
      --next;
      whole_begin = next->first;
      at = next->second;
      whole_end = std::max(whole_end, next->second);
      next = claimed_.erase(next);
    }
    while (next != claimed_.end() && next->first <= end) {
      if (at < next->first) {
        free.push_back({at, next->first});
      }
      at = next->second;
      whole_end = std::max(whole_end, next->second);
      next = claimed_.erase(next);
    }
    if (at < end) {
      free.push_back({at, end});
    }
    claimed_.emplace_hint(next, whole_begin, whole_end);
  }
  return free;
}

}  // namespace sonde
