// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/flame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "exporters/markup.h"
#include "exporters/stacks/flame_script.h"
#include "exporters/stacks/flame_tree.h"
#include "exporters/utf8.h"

namespace sonde::stacks {
namespace {

constexpr double kWidth = 1200;
constexpr double kMargin = 10;
constexpr uint32_t kRow = 17;
constexpr uint32_t kHead = 48;  // title and search
constexpr double kNarrowest = 0.5;
constexpr double kLetter = 7;  // width of one, roughly

// Text for XML: valid UTF-8 without the characters that XML has no place for.
std::string escaped(std::string_view text) {
  std::string clean;
  append_utf8(text, clean);
  for (char& c : clean) {
    c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return markup_escaped(clean);
}

// The same name always looks the same; the kernel is cooler than programs, services are grey.
std::string colour(std::string_view name, const FlameNode& node) {
  uint32_t hash = 2166136261;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  }
  if (node.depth <= 1) {
    return fmt::format("hsl(210,15%,{}%)", 70 + hash % 12);
  }
  return fmt::format("hsl({},{}%,{}%)", node.in_kernel ? 190 + hash % 30 : 15 + hash % 40,
                     60 + hash / 64 % 25, 62 + hash / 4096 % 12);
}

class Drawing {
 public:
  Drawing(const Profile& profile, std::string_view title)
      : tree_(make_flame_tree(profile)), title_(title), period_ns_(profile.period_ns) {
    for (const FlameNode& node : tree_.nodes) {
      if (width_of(node) >= kNarrowest) {
        deepest_ = std::max(deepest_, node.depth);
      }
    }
  }

  std::string draw() {
    const uint32_t height = kHead + (deepest_ + 2) * kRow;
    out_ = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" font-family=\"monospace\" font-size=\"12\">\n"
        "<style>g.f rect{{stroke:#fff;stroke-width:.4}}g.f{{cursor:pointer}}g.f "
        "text{{pointer-events:none}}"
        "g.m rect{{fill:#c3f}}.b{{cursor:pointer;fill:#06c}}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        "<text x=\"{2}\" y=\"18\" font-size=\"15\">{3}</text>\n"
        "<text id=\"reset\" class=\"b\" x=\"{2}\" y=\"38\">whole</text>\n"
        "<text id=\"search\" class=\"b\" x=\"70\" y=\"38\">search</text>\n"
        "<text id=\"found\" x=\"140\" y=\"38\"></text>\n<g id=\"flames\">\n",
        kWidth, height, kMargin, escaped(title_));
    frames();
    out_ += fmt::format("</g>\n<script><![CDATA[\n{}]]></script>\n</svg>\n", kFlameScript);
    return std::move(out_);
  }

 private:
  double share_of(const FlameNode& node) const {
    const uint64_t all = tree_.nodes[0].samples;
    return all > 0 ? static_cast<double>(node.samples) / static_cast<double>(all) : 0;
  }
  double width_of(const FlameNode& node) const { return share_of(node) * (kWidth - 2 * kMargin); }

  // Parents before children, without recursion: a stack of a watched program is as deep as it
  // likes.
  void frames() {
    struct Place {
      uint32_t node;
      double from;  // of the whole
    };
    std::vector<Place> open = {{0, 0}};
    while (!open.empty()) {
      const Place place = open.back();
      open.pop_back();
      const FlameNode& node = tree_.nodes[place.node];
      frame(node, place.from);
      double from = place.from;
      for (const uint32_t child : node.children) {
        if (width_of(tree_.nodes[child]) >= kNarrowest) {
          open.push_back({child, from});
        }
        from += share_of(tree_.nodes[child]);
      }
    }
  }

  void frame(const FlameNode& node, double from) {
    const std::string& name = tree_.names[node.name];
    const double width = width_of(node);
    const double x = kMargin + from * (kWidth - 2 * kMargin);
    const uint32_t y = kHead + (deepest_ - node.depth) * kRow;
    const auto room = static_cast<size_t>(std::max(width - 6, 0.0) / kLetter);
    const std::string shown = room >= name.size() ? name
                              : room >= 3         ? name.substr(0, room - 2) + ".."
                                                  : std::string();
    const double seconds = static_cast<double>(node.samples * period_ns_) / 1e9;
    out_ += fmt::format(
        "<g class=\"f\" data-x=\"{:.6f}\" data-w=\"{:.6f}\" data-d=\"{}\" "
        "data-n=\"{}\"><title>{}{} "
        "({} samples, {:.2f} s, {:.1f}%)</title><rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" "
        "height=\"{}\" fill=\"{}\"/><text x=\"{:.1f}\" y=\"{}\">{}</text></g>\n",
        from, share_of(node), node.depth, escaped(name), escaped(name),
        node.in_kernel ? " [kernel]" : "", node.samples, seconds, 100 * share_of(node), x, y, width,
        kRow - 1, colour(name, node), x + 3, y + 12, escaped(shown));
  }

  const FlameTree tree_;
  const std::string_view title_;
  const uint64_t period_ns_;
  uint32_t deepest_ = 0;
  std::string out_;
};

}  // namespace

std::string cpu_title(const Profile& profile, std::string_view whose) {
  return fmt::format("CPU time of {}: {:.1f} s in {:.0f} s", whose,
                     static_cast<double>(profile.samples() * profile.period_ns) / 1e9,
                     static_cast<double>(profile.duration_ns) / 1e9);
}

std::string flame_graph(const Profile& profile, std::string_view title) {
  return Drawing(profile, title).draw();
}

}  // namespace sonde::stacks
