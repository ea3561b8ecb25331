// SPDX-License-Identifier: Apache-2.0
// FlameTree: stacks that begin alike, merged: services first, then functions from the outermost on.
// By names, so that a function is one place however many addresses it was met at, and whether it
// was called or inlined.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "userspace/model/profile.h"

namespace sonde::stacks {

struct FlameNode {
  uint32_t name = 0;  // place in FlameTree::names
  uint32_t depth = 0;
  bool in_kernel = false;
  bool inlined = true;             // in all of its samples
  uint64_t periods = 0;            // of it and of all above it
  uint64_t before = 0;             // the same in an earlier profile
  std::vector<uint32_t> children;  // places in FlameTree::nodes, by name
};

struct FlameTree {
  static constexpr size_t kMaxNodes = 262'144;  // what is above is then not drawn

  std::vector<std::string> names;
  std::vector<FlameNode> nodes;  // the first is the root
};

FlameTree make_flame_tree(const Profile& profile);

// Of two: what stands in either of them.
FlameTree make_flame_tree(const Profile& before, const Profile& after);

}  // namespace sonde::stacks
