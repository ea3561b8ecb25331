// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/flame.h"

#include <fmt/format.h>

#include <cstdint>

#include "exporters/stacks/flame_drawing.h"

namespace sonde::stacks {
namespace {

// The same name always looks the same; the kernel is cooler than programs, what they inlined is
// between them, services are grey.
std::string colour(std::string_view name, const FlameNode& node) {
  uint32_t hash = 2166136261;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  }
  if (node.depth <= 1) {
    return fmt::format("hsl(210,15%,{}%)", 70 + hash % 12);
  }
  const uint32_t hue = node.in_kernel ? 190 + hash % 30
                       : node.inlined ? 155 + hash % 20
                                      : 15 + hash % 40;
  return fmt::format("hsl({},{}%,{}%)", hue, 60 + hash / 64 % 25, 62 + hash / 4096 % 12);
}

}  // namespace

std::string cpu_title(const Profile& profile, std::string_view whose) {
  return fmt::format("CPU time of {}: {:.1f} s in {:.0f} s", whose,
                     static_cast<double>(profile.periods() * profile.period_ns) / 1e9,
                     static_cast<double>(profile.duration_ns) / 1e9);
}

std::string flame_graph(const Profile& profile, std::string_view title) {
  const FlameTree tree = make_flame_tree(profile);
  const uint64_t all = tree.nodes[0].periods;
  const auto share = [all](const FlameNode& node) {
    return all > 0 ? static_cast<double>(node.periods) / static_cast<double>(all) : 0;
  };
  const auto note = [&](const FlameNode& node) {
    const double seconds = static_cast<double>(node.periods * profile.period_ns) / 1e9;
    return fmt::format("{} samples, {:.2f} s, {:.1f}%", node.periods, seconds, 100 * share(node));
  };
  return draw_flames(
      {.tree = tree,
       .title = std::string(title),
       .legend = {},
       .share = share,
       .note = note,
       .colour = [&](const FlameNode& node) { return colour(tree.names[node.name], node); }});
}

}  // namespace sonde::stacks
