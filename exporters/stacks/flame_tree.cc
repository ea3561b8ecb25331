// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/flame_tree.h"

#include <algorithm>

#include "exporters/stacks/folded.h"

namespace sonde::stacks {
namespace {

class Builder {
 public:
  explicit Builder(const Profile& profile) : profile_(profile) {
    tree_.nodes.push_back(
        {.name = name("all"), .depth = 0, .in_kernel = false, .samples = 0, .children = {}});
    for (const ProfileFrame& frame : profile.frames) {
      frame_names_.push_back(name(frame.function));
    }
  }

  FlameTree build() {
    for (const ProfileStack& stack : profile_.stacks) {
      add(stack);
    }
    for (FlameNode& node : tree_.nodes) {
      std::ranges::sort(node.children, {}, [&](uint32_t child) -> const std::string& {
        return tree_.names[tree_.nodes[child].name];
      });
    }
    return std::move(tree_);
  }

 private:
  uint32_t name(const std::string& text) {
    const auto [at, fresh] =
        name_places_.try_emplace(text, static_cast<uint32_t>(tree_.names.size()));
    if (fresh) {
      tree_.names.push_back(text);
    }
    return at->second;
  }

  // 0, which is nobody's child: there is no room.
  uint32_t child(uint32_t parent, uint32_t name, bool in_kernel) {
    const auto [at, fresh] = places_.try_emplace({parent, name * 2 + (in_kernel ? 1 : 0)}, 0);
    if (fresh && tree_.nodes.size() < FlameTree::kMaxNodes) {
      at->second = static_cast<uint32_t>(tree_.nodes.size());
      tree_.nodes.push_back({.name = name,
                             .depth = tree_.nodes[parent].depth + 1,
                             .in_kernel = in_kernel,
                             .samples = 0,
                             .children = {}});
      tree_.nodes[parent].children.push_back(at->second);
    } else if (fresh) {
      places_.erase(at);
      return 0;
    }
    return at->second;
  }

  void add(const ProfileStack& stack) {
    tree_.nodes[0].samples += stack.samples;
    uint32_t node = child(0, name(profile_.owners[stack.owner].service), false);
    for (auto frame = stack.frames.rbegin(); node != 0; ++frame) {
      tree_.nodes[node].samples += stack.samples;
      if (frame == stack.frames.rend()) {
        break;
      }
      const bool in_kernel = profile_.modules[profile_.frames[*frame].module].in_kernel;
      node = child(node, frame_names_[*frame], in_kernel);
    }
  }

  const Profile& profile_;
  FlameTree tree_;
  std::map<std::string, uint32_t> name_places_;
  std::vector<uint32_t> frame_names_;                         // by frame
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> places_;  // by parent and name
};

}  // namespace

FlameTree make_flame_tree(const Profile& profile) { return Builder(profile).build(); }

}  // namespace sonde::stacks
