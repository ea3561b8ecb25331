// SPDX-License-Identifier: Apache-2.0
#include "exporters/stacks/flame_tree.h"

#include <algorithm>
#include <ranges>

#include "exporters/stacks/folded.h"

namespace sonde::stacks {
namespace {

class Builder {
 public:
  Builder() { tree_.nodes.push_back({.name = name("all"), .inlined = false, .children = {}}); }

  // count: which of a node's it is for.
  void add(const Profile& profile, uint64_t FlameNode::* count) {
    std::vector<std::vector<Function>> functions;  // by frame
    functions.reserve(profile.frames.size());
    for (const ProfileFrame& frame : profile.frames) {
      std::vector<Function>& out = functions.emplace_back();
      out.push_back({.name = name(frame.function),
                     .in_kernel = profile.modules[frame.module].in_kernel,
                     .inlined = false});
      for (const InlinedFunction& inlined : frame.inlined | std::views::reverse) {
        out.push_back(
            {.name = name(inlined.function), .in_kernel = out[0].in_kernel, .inlined = true});
      }
    }
    for (const ProfileStack& stack : profile.stacks) {
      add(profile, functions, stack, count);
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
  // Of those at one place, outermost first.
  struct Function {
    uint32_t name;
    bool in_kernel;
    bool inlined;
  };

  uint32_t name(const std::string& text) {
    const auto [at, fresh] =
        name_places_.try_emplace(text, static_cast<uint32_t>(tree_.names.size()));
    if (fresh) {
      tree_.names.push_back(text);
    }
    return at->second;
  }

  // 0, which is nobody's child: there is no room.
  uint32_t child(uint32_t parent, const Function& function) {
    const auto [at, fresh] =
        places_.try_emplace({parent, function.name * 2 + (function.in_kernel ? 1 : 0)}, 0);
    if (fresh && tree_.nodes.size() < FlameTree::kMaxNodes) {
      at->second = static_cast<uint32_t>(tree_.nodes.size());
      tree_.nodes.push_back({.name = function.name,
                             .depth = tree_.nodes[parent].depth + 1,
                             .in_kernel = function.in_kernel,
                             .children = {}});
      tree_.nodes[parent].children.push_back(at->second);
    } else if (fresh) {
      places_.erase(at);
      return 0;
    }
    tree_.nodes[at->second].inlined &= function.inlined;
    return at->second;
  }

  void add(const Profile& profile, const std::vector<std::vector<Function>>& functions,
           const ProfileStack& stack, uint64_t FlameNode::* count) {
    tree_.nodes[0].*count += stack.periods;
    const auto enter = [&](uint32_t parent, const Function& function) {
      const uint32_t node = child(parent, function);
      tree_.nodes[node].*count += node != 0 ? stack.periods : 0;
      return node;
    };
    const uint32_t service = name(profile.owners[stack.owner].service);
    uint32_t node = enter(0, {.name = service, .in_kernel = false, .inlined = false});
    for (const uint32_t frame : stack.frames | std::views::reverse) {
      for (const Function& function : functions[frame]) {
        if (node == 0) {
          return;
        }
        node = enter(node, function);
      }
    }
  }

  FlameTree tree_;
  std::map<std::string, uint32_t> name_places_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> places_;  // by parent and name
};

}  // namespace

FlameTree make_flame_tree(const Profile& profile) {
  Builder builder;
  builder.add(profile, &FlameNode::periods);
  return builder.build();
}

FlameTree make_flame_tree(const Profile& before, const Profile& after) {
  Builder builder;
  builder.add(before, &FlameNode::before);
  builder.add(after, &FlameNode::periods);
  return builder.build();
}

}  // namespace sonde::stacks
