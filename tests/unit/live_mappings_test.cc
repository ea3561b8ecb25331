// SPDX-License-Identifier: Apache-2.0
// What processes have mapped, by events alone.
#include "userspace/pipeline/live_mappings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace sonde {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Pid kPid{5};
constexpr Pid kChild{6};

CodeEvent exec(Pid pid) { return {.kind = CodeEventKind::kExec, .pid = pid}; }
CodeEvent exited(Pid pid) { return {.kind = CodeEventKind::kExited, .pid = pid}; }
CodeEvent forked(Pid parent, Pid child) {
  return {.kind = CodeEventKind::kForked, .pid = child, .parent = parent};
}
CodeEvent mapped(Pid pid, uint64_t start, uint64_t end, std::string_view path,
                 uint64_t offset = 0) {
  return {.kind = CodeEventKind::kMapped,
          .pid = pid,
          .address = start,
          .size = end - start,
          .offset = offset,
          .path = path};
}

class LiveMappingsTest : public testing::Test {
 protected:
  // "start-end@offset path"
  std::vector<std::string> of(Pid pid) const {
    std::vector<std::string> out;
    const Mappings known = live_.of(pid).value_or(Mappings());
    for (const Mapping& each : known.all()) {
      char text[128];
      std::snprintf(text, sizeof(text), "%lx-%lx@%lx %s", each.start, each.end, each.offset,
                    each.path.c_str());
      out.emplace_back(text);
    }
    return out;
  }

  LiveMappings live_;
};

TEST_F(LiveMappingsTest, KnownFromAnExecOn) {
  live_.apply(mapped(kPid, 0x1000, 0x2000, "/a"));
  EXPECT_FALSE(live_.of(kPid)) << "there may be more";
  EXPECT_EQ(live_.change_of(kPid), 0u);
  live_.apply(exec(kPid));
  ASSERT_TRUE(live_.of(kPid));
  const uint64_t before = live_.change_of(kPid);
  EXPECT_NE(before, 0u);
  live_.apply(mapped(kPid, 0x1000, 0x2000, "/a"));
  EXPECT_NE(live_.change_of(kPid), before);
  EXPECT_THAT(of(kPid), ElementsAre("1000-2000@0 /a"));
  live_.apply(exec(kPid));
  EXPECT_THAT(of(kPid), IsEmpty());
  live_.apply(exited(kPid));
  EXPECT_FALSE(live_.of(kPid));
}

TEST_F(LiveMappingsTest, WhatIsMappedLaterHides) {
  live_.apply(exec(kPid));
  live_.apply(mapped(kPid, 0x1000, 0x5000, "/a", 0x100));
  live_.apply(mapped(kPid, 0x2000, 0x3000, "/b"));
  EXPECT_THAT(of(kPid), ElementsAre("1000-2000@100 /a", "2000-3000@0 /b", "3000-5000@2100 /a"));
  live_.apply(mapped(kPid, 0x1800, 0x3800, "/c"));
  EXPECT_THAT(of(kPid), ElementsAre("1000-1800@100 /a", "1800-3800@0 /c", "3800-5000@2900 /a"));
  live_.apply(mapped(kPid, 0x1000, 0x5000, "/d"));
  EXPECT_THAT(of(kPid), ElementsAre("1000-5000@0 /d"));
  EXPECT_EQ(live_.in_all(), 1u);
}

TEST_F(LiveMappingsTest, ChildrenHaveWhatTheirParentHadThen) {
  live_.apply(exec(kPid));
  live_.apply(mapped(kPid, 0x1000, 0x2000, "/a"));
  live_.apply(forked(kPid, kChild));
  EXPECT_EQ(live_.in_all(), 1u) << "it counts once";
  live_.apply(mapped(kPid, 0x3000, 0x4000, "/b"));
  EXPECT_THAT(of(kChild), ElementsAre("1000-2000@0 /a"));
  live_.apply(mapped(kChild, 0x5000, 0x6000, "/c"));
  EXPECT_THAT(of(kPid), ElementsAre("1000-2000@0 /a", "3000-4000@0 /b"));
  EXPECT_THAT(of(kChild), ElementsAre("1000-2000@0 /a", "5000-6000@0 /c"));
  live_.apply(forked(Pid{99}, kChild));
  EXPECT_FALSE(live_.of(kChild)) << "of whose parent nothing is known";
}

TEST_F(LiveMappingsTest, ReadOnceThenFollowed) {
  live_.learn(kPid, Mappings({{.start = 0x1000,
                               .end = 0x2000,
                               .offset = 0,
                               .file = {},
                               .path = "/a",
                               .build_id = {}}}));
  live_.apply(mapped(kPid, 0x3000, 0x4000, "/b"));
  EXPECT_THAT(of(kPid), ElementsAre("1000-2000@0 /a", "3000-4000@0 /b"));
}

TEST_F(LiveMappingsTest, NamesAsMapsHasThem) {
  constexpr std::array<uint8_t, 2> kId = {0x0a, 0xff};
  live_.apply(exec(kPid));
  live_.apply(mapped(kPid, 0x1000, 0x2000, "//anon"));
  CodeEvent gone = mapped(kPid, 0x3000, 0x4000, "/tmp/x (deleted)");
  gone.build_id = kId;
  live_.apply(gone);
  EXPECT_THAT(of(kPid), ElementsAre("1000-2000@0 ", "3000-4000@0 /tmp/x"));
  EXPECT_EQ(live_.of(kPid)->all()[1].build_id, "0aff");
}

TEST_F(LiveMappingsTest, NonsenseIsPassedOver) {
  live_.apply(exec(kPid));
  live_.apply(mapped(kPid, 0x1000, 0x1000, "/empty"));
  live_.apply(mapped(kPid, ~uint64_t{0} - 10, 20, "/around"));
  EXPECT_THAT(of(kPid), IsEmpty());
}

TEST_F(LiveMappingsTest, LostEventsEndAllKnowledge) {
  live_.apply(exec(kPid));
  live_.apply({.kind = CodeEventKind::kLost, .lost = 7});
  EXPECT_FALSE(live_.of(kPid));
  EXPECT_EQ(live_.lost(), 7u);
  EXPECT_EQ(live_.in_all(), 0u);
}

TEST_F(LiveMappingsTest, AProcessWithManyIsCutAndManyAreForgotten) {
  for (uint32_t pid = 1; live_.overflows() == 0 && pid < 100; pid++) {
    live_.apply(exec(Pid{pid}));
    for (uint64_t i = 0; i < kMaxMappings + 10; i++) {
      live_.apply(mapped(Pid{pid}, i * 0x2000, i * 0x2000 + 0x1000, "/a"));
    }
    if (const auto known = live_.of(Pid{pid})) {
      EXPECT_EQ(known->all().size(), kMaxMappings);
    }
    ASSERT_LE(live_.in_all(), LiveMappings::kMaxInAll);
  }
  EXPECT_EQ(live_.overflows(), 1u);
  EXPECT_FALSE(live_.of(Pid{1}));
}

TEST_F(LiveMappingsTest, MoreProcessesThanFitAreNotKnown) {
  for (uint32_t pid = 1; pid <= LiveMappings::kMaxProcesses + 1; pid++) {
    live_.apply(exec(Pid{pid}));
  }
  EXPECT_TRUE(live_.of(Pid{LiveMappings::kMaxProcesses}));
  EXPECT_FALSE(live_.of(Pid{LiveMappings::kMaxProcesses + 1}));
  live_.apply(exited(Pid{1}));
  live_.apply(exec(Pid{LiveMappings::kMaxProcesses + 1}));
  EXPECT_TRUE(live_.of(Pid{LiveMappings::kMaxProcesses + 1}));
}

}  // namespace
}  // namespace sonde
