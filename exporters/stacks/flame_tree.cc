// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/flame_tree.h"

#include <algorithm>

#include "exporters/stacks/folded.h"

namespace sonde::stacks {
namespace {

class Builder {
 public:
  Builder() { tree_.nodes.push_back({.name = name("all"), .children = {}}); }

  // count: which of a node's it is for.
  void add(const Profile& profile, uint64_t FlameNode::* count) {
    std::vector<uint32_t> frame_names;
    frame_names.reserve(profile.frames.size());
    for (const ProfileFrame& frame : profile.frames) {
      frame_names.push_back(name(frame.function));
    }
    for (const ProfileStack& stack : profile.stacks) {
      add(profile, frame_names, stack, count);
    }
  }

  FlameTree build() {
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
                             .children = {}});
      tree_.nodes[parent].children.push_back(at->second);
    } else if (fresh) {
      places_.erase(at);
      return 0;
    }
    return at->second;
  }

  void add(const Profile& profile, const std::vector<uint32_t>& frame_names,
           const ProfileStack& stack, uint64_t FlameNode::* count) {
    tree_.nodes[0].*count += stack.samples;
    uint32_t node = child(0, name(profile.owners[stack.owner].service), false);
    for (auto frame = stack.frames.rbegin(); node != 0; ++frame) {
      tree_.nodes[node].*count += stack.samples;
      if (frame == stack.frames.rend()) {
        break;
      }
      const bool in_kernel = profile.modules[profile.frames[*frame].module].in_kernel;
      node = child(node, frame_names[*frame], in_kernel);
    }
  }

  FlameTree tree_;
  std::map<std::string, uint32_t> name_places_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> places_;  // by parent and name
};

}  // namespace

FlameTree make_flame_tree(const Profile& profile) {
  Builder builder;
  builder.add(profile, &FlameNode::samples);
  return builder.build();
}

FlameTree make_flame_tree(const Profile& before, const Profile& after) {
  Builder builder;
  builder.add(before, &FlameNode::before);
  builder.add(after, &FlameNode::samples);
  return builder.build();
}

}  // namespace sonde::stacks
