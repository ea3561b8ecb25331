// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/compared.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "exporters/stacks/flame_drawing.h"
#include "exporters/stacks/flame_tree.h"
#include "exporters/stacks/folded.h"

namespace sonde::stacks {
namespace {

double part(uint64_t of, uint64_t all) {
  return all > 0 ? static_cast<double>(of) / static_cast<double>(all) : 0;
}

double variance(double share, uint64_t samples) {
  return samples > 0 ? share * (1 - share) / static_cast<double>(samples) : 0;
}

// White where nothing changed, full where the share doubled or is gone.
std::string colour_of_change(double before, double after) {
  const double most = std::max(before, after);
  const double change = most > 0 ? (after - before) / most : 0;
  const double light = 97 - 42 * std::min(1.0, 2 * std::abs(change));
  return fmt::format("hsl({},{}%,{:.0f}%)", change > 0 ? 5 : 215, 80, light);
}

}  // namespace

std::vector<FunctionChange> compare(const Profile& before, const Profile& after) {
  const auto earlier = function_samples(before);
  const auto later = function_samples(after);
  const uint64_t all_before = before.periods();
  const uint64_t all_after = after.periods();
  std::map<std::string, FunctionChange> changes;
  for (const auto& [name, samples] : earlier) {
    FunctionChange& change = changes[name];
    change.self_before = part(samples.self, all_before);
    change.total_before = part(samples.total, all_before);
  }
  for (const auto& [name, samples] : later) {
    FunctionChange& change = changes[name];
    change.self_after = part(samples.self, all_after);
    change.total_after = part(samples.total, all_after);
  }
  std::vector<FunctionChange> out;
  for (auto& [name, change] : changes) {
    change.name = name;
    change.chance = 2 * std::sqrt(variance(change.self_before, before.samples()) +
                                  variance(change.self_after, after.samples()));
    out.push_back(std::move(change));
  }
  std::ranges::sort(out, [](const FunctionChange& a, const FunctionChange& b) {
    const auto size = [](const FunctionChange& change) {
      return std::pair(std::abs(change.self_change()),
                       std::abs(change.total_after - change.total_before));
    };
    return std::tuple(size(b), a.name) < std::tuple(size(a), b.name);
  });
  return out;
}

std::string extent(std::string_view which, const Profile& profile) {
  const double seconds =
      static_cast<double>(profile.periods()) * static_cast<double>(profile.period_ns) / 1e9;
  return fmt::format("{}: {:.2f} s of CPU time in {:.0f} s", which, seconds,
                     static_cast<double>(profile.duration_ns) / 1e9);
}

std::string comparison(const Profile& before, const Profile& after, size_t most) {
  std::string out = fmt::format(
      "{}\n{}\n\nShares of all CPU time of each, in percent; less than +- may be chance.\n\n"
      " self change     +-  before   after   total before   after  function\n",
      extent("before", before), extent("after", after));
  std::vector<FunctionChange> changes = compare(before, after);
  changes.resize(std::min(changes.size(), most));
  for (const FunctionChange& change : changes) {
    out += fmt::format("{:>+12.2f} {:>6.2f} {:>7.2f} {:>7.2f} {:>14.2f} {:>7.2f}  {}\n",
                       100 * change.self_change(), 100 * change.chance, 100 * change.self_before,
                       100 * change.self_after, 100 * change.total_before, 100 * change.total_after,
                       one_line(change.name));
  }
  return out;
}

std::string flame_comparison(const Profile& before, const Profile& after, std::string_view title) {
  const FlameTree tree = make_flame_tree(before, after);
  const FlameNode& all = tree.nodes[0];
  const auto earlier = [&](const FlameNode& node) { return part(node.before, all.before); };
  const auto later = [&](const FlameNode& node) { return part(node.periods, all.periods); };
  return draw_flames(
      {.tree = tree,
       .title = std::string(title),
       .legend = fmt::format("{}; {}. Shares of each; as wide as their mean; red grew, blue shrank",
                             extent("before", before), extent("after", after)),
       .share = [&](const FlameNode& node) { return (earlier(node) + later(node)) / 2; },
       .note =
           [&](const FlameNode& node) {
             return fmt::format("{:.2f}% before, {:.2f}% after: {:+.2f}", 100 * earlier(node),
                                100 * later(node), 100 * (later(node) - earlier(node)));
           },
       .colour =
           [&](const FlameNode& node) { return colour_of_change(earlier(node), later(node)); }});
}

}  // namespace sonde::stacks
