// SPDX-License-Identifier: Apache-2.0
// Lines in a profile: whose they are, what keeps its name, and what there is no room or time for.
#include "userspace/pipeline/profile_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "userspace/base/clock.h"
#include "userspace/pipeline/host_lines.h"

namespace sonde {
namespace {

using testing::ElementsAre;

class FakeLines : public FrameLines {
 public:
  void find(const Module& module, uint64_t offset, std::vector<LineFrame>& out) override {
    asked.push_back(module.path + " " + std::to_string(offset));
    out.clear();
    if (const auto found = known.find({module.path, offset}); found != known.end()) {
      out = found->second;
    }
  }

  std::map<std::pair<std::string, uint64_t>, std::vector<LineFrame>> known;
  std::vector<std::string> asked;
};

Module file(std::string path) {
  return {.kind = ModuleKind::kFile, .path = std::move(path), .build_id = {}, .file = {}};
}

class ProfileLinesTest : public testing::Test {
 protected:
  ProfileLinesTest() {
    modules_.push_back(
        {.kind = ModuleKind::kKernel, .path = "[kernel]", .build_id = {}, .file = {}});
    modules_.push_back(file("/bin/cold"));
    modules_.push_back(file("/bin/hot"));
    for (const Module& module : modules_) {
      profile_.modules.push_back({.path = module.path, .build_id = {}});
    }
    profile_.frames = {{.module = 0, .offset = 1, .function = "schedule"},
                       {.module = 1, .offset = 16, .function = "main"},
                       {.module = 2, .offset = 32, .function = "hot+0x20"},
                       {.module = 2, .offset = 8, .function = "ns::work"}};
    profile_.owners = {{.service = "shop", .container = {}, .thread_name = {}}};
    profile_.stacks = {{.owner = 0, .frames = {0, 1}, .samples = 1},
                       {.owner = 0, .frames = {3, 2, 1}, .samples = 2}};
    lines_.known[{"/bin/hot", 8}] = {{.function = "leaf", .file = "/src/leaf.h", .line = 7},
                                     {.function = {}, .file = "/src/a.c", .line = 9},
                                     {.function = "work", .file = "/src/a.c", .line = 30}};
    lines_.known[{"/bin/hot", 32}] = {{.function = "nobody", .file = "/src/b.c", .line = 5}};
  }

  std::vector<Module> modules_;
  Profile profile_;
  FakeLines lines_;
};

TEST_F(ProfileLinesTest, ANameStaysAndWhatHasNoneGetsOne) {
  EXPECT_EQ(add_lines(profile_, modules_, lines_), 0u);
  const ProfileFrame& work = profile_.frames[3];
  EXPECT_EQ(work.function, "ns::work") << "symbols know more of it than DWARF";
  EXPECT_EQ(work.file, "/src/a.c");
  EXPECT_EQ(work.line, 30u);
  ASSERT_EQ(work.inlined.size(), 2u);
  EXPECT_EQ(work.inlined[0].function, "leaf");
  EXPECT_EQ(work.inlined[0].file, "/src/leaf.h");
  EXPECT_EQ(work.inlined[0].line, 7u);
  EXPECT_EQ(work.inlined[1].function, "hot+0x8") << "never empty";
  EXPECT_EQ(profile_.frames[2].function, "nobody");
  EXPECT_EQ(profile_.frames[2].line, 5u);
  EXPECT_TRUE(profile_.frames[1].file.empty());
  EXPECT_TRUE(profile_.frames[0].file.empty());
}

TEST_F(ProfileLinesTest, FilesOnlyAndThatWithTheMostSamplesFirst) {
  add_lines(profile_, modules_, lines_);
  EXPECT_THAT(lines_.asked, ElementsAre("/bin/hot 8", "/bin/hot 32", "/bin/cold 16"));
}

TEST_F(ProfileLinesTest, WhatFindsNoRoomIsCountedAndHasItsName) {
  EXPECT_EQ(add_lines(profile_, modules_, lines_, {.bytes = 100}), 1u);
  EXPECT_TRUE(profile_.frames[3].inlined.empty());
  EXPECT_EQ(profile_.frames[3].function, "ns::work");
  EXPECT_EQ(profile_.frames[2].line, 5u) << "the other has room";
}

TEST(LateFiles, RestForAWhile) {
  LateFiles late;
  const Module one = file("/bin/one");
  Module two = file("/bin/two");
  two.build_id = "abcd";
  late.add(one, 100);
  late.add(two, 100);
  EXPECT_TRUE(late.has(one, 100 + LateFiles::kRestNs - 1));
  EXPECT_FALSE(late.has(one, 100 + LateFiles::kRestNs));
  EXPECT_FALSE(late.has(file("/bin/two"), 100)) << "another build";
  two.path = "/elsewhere";
  EXPECT_TRUE(late.has(two, 100));
}

TEST(HostLines, WithoutTimeNobodyIsAskedAndEachFileIsCounted) {
  auto extractor = Extractor::start({.folder = {}, .max_bytes = 0});
  ASSERT_TRUE(extractor);
  Module self = file("/proc/self/exe");
  self.file = Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const Module gone = file("/gone");
  LateFiles late;
  std::vector<LineFrame> found;
  HostLines none(*extractor, late, 0);
  none.find(self, 0, found);
  none.find(self, 1, found);
  none.find(gone, 0, found);
  EXPECT_EQ(none.late(), 1u) << "of what is not there nobody knows that it would take long";
  EXPECT_TRUE(found.empty());
  late.add(self, monotonic_ns());
  HostLines some(*extractor, late, 10);
  some.find(self, 0, found);
  EXPECT_EQ(some.late(), 1u);
  const ExtractionCounts& counts = extractor->counts();
  EXPECT_EQ(counts.made + counts.found + counts.failed, 0u);
}

}  // namespace
}  // namespace sonde
