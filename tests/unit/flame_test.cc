// SPDX-License-Identifier: Apache-2.0
// The flame graph: what stands upon what, how wide, and that no name breaks the picture.
#include "exporters/stacks/flame.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "exporters/stacks/flame_tree.h"

namespace sonde::stacks {
namespace {

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    found++;
  }
  return found;
}

Profile example(const std::string& leaf = "leaf") {
  Profile out;
  out.period_ns = 1'000'000;
  out.modules = {{.path = "/bin/a", .build_id = {}, .in_kernel = false},
                 {.path = "[kernel]", .build_id = {}, .in_kernel = true}};
  out.frames = {{.module = 0, .offset = 1, .function = "main"},
                {.module = 0, .offset = 2, .function = leaf},
                {.module = 0, .offset = 3, .function = leaf},
                {.module = 1, .offset = 4, .function = "sys_read"}};
  out.owners = {{.service = "shop", .container = {}, .thread_name = {}, .pid = 1, .thread = 1}};
  out.stacks = {{.owner = 0, .frames = {1, 0}, .samples = 3},
                {.owner = 0, .frames = {2, 0}, .samples = 4},
                {.owner = 0, .frames = {3, 0}, .samples = 1},
                {.owner = 0, .frames = {0}, .samples = 2}};
  return out;
}

TEST(FlameTree, EqualNamesAreOnePlace) {
  const FlameTree tree = make_flame_tree(example());
  ASSERT_EQ(tree.nodes.size(), 5u) << "all, shop, main, leaf, sys_read";
  EXPECT_EQ(tree.nodes[0].periods, 10u);
  ASSERT_EQ(tree.nodes[0].children.size(), 1u);
  const FlameNode& shop = tree.nodes[tree.nodes[0].children[0]];
  EXPECT_EQ(tree.names[shop.name], "shop");
  const FlameNode& main = tree.nodes[shop.children.at(0)];
  EXPECT_EQ(main.periods, 10u);
  ASSERT_EQ(main.children.size(), 2u);
  EXPECT_EQ(tree.nodes[main.children[0]].periods, 7u);
  EXPECT_TRUE(tree.nodes[main.children[1]].in_kernel);
}

TEST(FlameTree, ChildrenAreNoMoreThanTheirParent) {
  const FlameTree tree = make_flame_tree(example());
  for (const FlameNode& node : tree.nodes) {
    uint64_t sum = 0;
    for (const uint32_t child : node.children) {
      EXPECT_EQ(tree.nodes[child].depth, node.depth + 1);
      sum += tree.nodes[child].periods;
    }
    EXPECT_LE(sum, node.periods);
  }
}

TEST(FlameTree, InlinedFunctionsArePlacesToo) {
  Profile profile = example();
  profile.frames[0].inlined = {{.function = "put"}, {.function = "into"}};
  profile.frames[1].inlined = {{.function = "sys_read"}};
  const FlameTree tree = make_flame_tree(profile);
  std::string seen;
  for (const FlameNode& node : tree.nodes) {
    seen += tree.names[node.name] + (node.inlined ? "(i)" : "") + " " + std::to_string(node.depth) +
            " " + std::to_string(node.periods) + "\n";
  }
  EXPECT_EQ(seen,
            "all 0 10\nshop 1 10\nmain 2 10\ninto(i) 3 10\nput(i) 4 10\nleaf 5 7\n"
            "sys_read(i) 6 3\nsys_read 5 1\n");
  EXPECT_NE(flame_graph(profile, "t").find("put [inlined] ("), std::string::npos);
}

TEST(FlameTree, WhatIsCalledSomewhereIsNotCalledInlined) {
  Profile profile = example();
  profile.frames[1] = profile.frames[0];
  profile.frames[1].inlined = {{.function = "leaf"}};
  profile.stacks[0].frames = {1};  // the others call it
  const FlameTree tree = make_flame_tree(profile);
  const FlameNode& leaf = tree.nodes[tree.nodes[tree.nodes[1].children[0]].children[0]];
  EXPECT_EQ(tree.names[leaf.name], "leaf");
  EXPECT_EQ(leaf.periods, 7u);
  EXPECT_FALSE(leaf.inlined);
}

TEST(FlameTree, HasBounds) {
  Profile profile = example();
  profile.frames.clear();
  profile.stacks.clear();
  for (uint32_t i = 0; i < 1000; i++) {
    profile.frames.push_back({.module = 0, .offset = i, .function = std::to_string(i)});
  }
  for (uint32_t i = 0; i < 1000; i++) {
    std::vector<uint32_t> frames(600);
    for (uint32_t j = 0; j < frames.size(); j++) {
      frames[frames.size() - 1 - j] = (i + j) % 1000;
    }
    profile.stacks.push_back({.owner = 0, .frames = std::move(frames), .samples = 1});
  }
  const FlameTree tree = make_flame_tree(profile);
  EXPECT_EQ(tree.nodes.size(), FlameTree::kMaxNodes);
  EXPECT_EQ(tree.nodes[0].periods, 1000u);
}

TEST(FlameGraph, DrawsEachPlaceOnce) {
  const std::string svg = flame_graph(example(), "10 s of shop");
  EXPECT_TRUE(svg.starts_with("<?xml")) << svg;
  EXPECT_EQ(count(svg, "<g class=\"f\""), 5u);
  EXPECT_EQ(count(svg, "<g"), count(svg, "</g>"));
  EXPECT_EQ(count(svg, "<title>leaf (7 samples, 0.01 s, 70.0%)</title>"), 1u);
  EXPECT_EQ(count(svg, "sys_read [kernel] (1 samples"), 1u);
  EXPECT_EQ(count(svg, "data-x=\"0.700000\" data-w=\"0.100000\""), 1u) << "beside its brother";
  EXPECT_EQ(count(svg, "<script>"), 1u);
  EXPECT_EQ(count(svg, "href"), 0u) << "it needs nothing from outside";
}

TEST(FlameGraph, NoNameBreaksIt) {
  const std::string svg =
      flame_graph(example("<script>alert(\"1\")</script>]]>&\x01\xff"), "</text><script>");
  EXPECT_EQ(count(svg, "<script>"), 1u);
  EXPECT_EQ(count(svg, "]]>"), 1u);
  EXPECT_EQ(count(svg, "&amp;?\xEF\xBF\xBD"), 3u) << "the title, the name, and what is shown";
  EXPECT_EQ(std::ranges::count_if(svg, [](char c) { return c > 0 && c < 0x20 && c != '\n'; }), 0);
}

TEST(FlameGraph, OfNothing) {
  const std::string svg = flame_graph({}, "nothing");
  EXPECT_EQ(count(svg, "<g class=\"f\""), 1u);
}

}  // namespace
}  // namespace sonde::stacks
