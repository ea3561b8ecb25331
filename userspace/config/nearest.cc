// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/nearest.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

namespace sonde {
namespace {

constexpr size_t kMaxWord = 64;  // longer words are no slips

// Single-character edits between two words; two neighbours that changed places count as one.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before;  // the row before the last
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.empty() || word.size() > kMaxWord) {
    return {};
  }
  std::string_view best;
  // A short word bears fewer slips.
  size_t best_distance = std::clamp<size_t>((word.size() + 1) / 3, 1, 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t d = distance(word, candidate);
    if (d < best_distance && d < candidate.size()) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view best = nearest(word, candidates);
  return best.empty() ? std::string() : fmt::format("; did you mean {}?", best);
}

}  // namespace sonde
