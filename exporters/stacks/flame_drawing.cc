// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/flame_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/markup.h"
#include "exporters/stacks/flame_script.h"
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

class Drawing {
 public:
  explicit Drawing(const FlamePicture& picture) : picture_(picture), tree_(picture.tree) {
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
        "<text id=\"found\" x=\"140\" y=\"38\"></text>\n"
        "<text x=\"{4}\" y=\"38\" text-anchor=\"end\">{5}</text>\n<g id=\"flames\">\n",
        kWidth, height, kMargin, escaped(picture_.title), kWidth - kMargin,
        escaped(picture_.legend));
    frames();
    out_ += fmt::format("</g>\n<script><![CDATA[\n{}]]></script>\n</svg>\n", kFlameScript);
    return std::move(out_);
  }

 private:
  double share_of(const FlameNode& node) const { return picture_.share(node); }
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
    out_ += fmt::format(
        "<g class=\"f\" data-x=\"{:.6f}\" data-w=\"{:.6f}\" data-d=\"{}\" "
        "data-n=\"{}\"><title>{}{} "
        "({})</title><rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" "
        "height=\"{}\" fill=\"{}\"/><text x=\"{:.1f}\" y=\"{}\">{}</text></g>\n",
        from, share_of(node), node.depth, escaped(name), escaped(name),
        node.in_kernel ? " [kernel]"
        : node.inlined ? " [inlined]"
                       : "",
        picture_.note(node), x, y, width, kRow - 1, picture_.colour(node), x + 3, y + 12,
        escaped(shown));
  }

  const FlamePicture& picture_;
  const FlameTree& tree_;
  uint32_t deepest_ = 0;
  std::string out_;
};

}  // namespace

std::string draw_flames(const FlamePicture& picture) { return Drawing(picture).draw(); }

}  // namespace sonde::stacks
