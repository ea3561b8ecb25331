// SPDX-License-Identifier: Apache-2.0
// Two profiles beside each other: the truth is known.
#include "exporters/stacks/compared.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sonde::stacks {
namespace {

Profile of(const std::vector<std::pair<std::string, uint64_t>>& leaves) {
  Profile out;
  out.period_ns = 10'000'000;
  out.duration_ns = 30'000'000'000;
  out.modules = {{.path = "/bin/a", .build_id = {}}};
  out.owners = {{.service = "shop", .container = {}, .thread_name = {}}};
  out.frames = {{.module = 0, .offset = 0, .function = "main"}};
  for (auto& [name, samples] : leaves) {
    out.frames.push_back({.module = 0, .offset = out.frames.size(), .function = name});
    out.stacks.push_back({.owner = 0,
                          .frames = {static_cast<uint32_t>(out.frames.size() - 1), 0},
                          .samples = samples});
  }
  return out;
}

TEST(Compared, SharesNotSamples) {
  // Ten times the samples, and the same shares but for two.
  const auto changes = compare(of({{"same", 50}, {"shrinks", 30}, {"grows", 20}}),
                               of({{"same", 500}, {"shrinks", 200}, {"grows", 300}}));
  ASSERT_EQ(changes.size(), 4u);
  const auto find = [&](std::string_view name) {
    return *std::ranges::find(changes, name, &FunctionChange::name);
  };
  EXPECT_NEAR(find("grows").self_change(), 0.1, 1e-9);
  EXPECT_NEAR(find("shrinks").self_change(), -0.1, 1e-9);
  EXPECT_NEAR(find("same").self_change(), 0, 1e-9);
  EXPECT_NEAR(find("main").total_after, 1, 1e-9);
  EXPECT_EQ(changes[0].name, "grows");
  EXPECT_EQ(changes[1].name, "shrinks");
  // 2 * sqrt(0.2 * 0.8 / 100 + 0.3 * 0.7 / 1000)
  EXPECT_NEAR(find("grows").chance, 0.0851, 1e-4);
}

TEST(Compared, WhatIsNewAndWhatIsGone) {
  const Profile before = of({{"gone", 40}, {"stays", 60}});
  const Profile after = of({{"new", 10}, {"stays", 90}});
  const std::string table = comparison(before, after);
  EXPECT_NE(table.find("before: 1.00 s of CPU time in 30 s\n"), std::string::npos) << table;
  EXPECT_NE(table.find("      -40.00"), std::string::npos) << table;
  EXPECT_NE(table.find("  gone\n"), std::string::npos) << table;
  const std::string picture = flame_comparison(before, after, "a <b>");
  for (const std::string_view text :
       {"data-n=\"gone\"", "data-n=\"new\"", "40.00% before, 0.00% after: -40.00", "a &lt;b&gt;",
        "red grew, blue shrank", "data-w=\"0.200000\" data-d=\"3\" data-n=\"gone\""}) {
    EXPECT_NE(picture.find(text), std::string::npos) << text << picture;
  }
}

TEST(Compared, OfNothingThereIsNothing) {
  const Profile nothing;
  EXPECT_TRUE(compare(nothing, nothing).empty());
  EXPECT_EQ(flame_comparison(nothing, nothing, "").find("nan"), std::string::npos);
  EXPECT_EQ(comparison(nothing, of({{"new", 1}})).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace sonde::stacks
