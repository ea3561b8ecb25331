// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/profile_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sonde::cli {
namespace {

using testing::ElementsAre;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kBegan = 1'700'000'000 * kSecond;

class ProfileFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "profiles-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      out.push_back(entry.path().filename());
    }
    std::ranges::sort(out);
    return out;
  }
  std::string content(const std::string& name) const {
    std::ifstream in(path_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path path_;
};

TEST_F(ProfileFolderTest, TheOldestGiveWay) {
  auto folder = ProfileFolder::open(path_ / "new", {.files = 2, .bytes = 1000});
  ASSERT_TRUE(folder.has_value()) << folder.error().what;
  path_ /= "new";
  EXPECT_THAT(files(), ElementsAre());
  std::ofstream(path_ / "notes.txt") << "mine";
  std::ofstream(path_ / "profile-a.txt") << "mine";
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(folder->store(kBegan + i * kSecond, "profile " + std::to_string(i)));
  }
  EXPECT_THAT(files(), ElementsAre("notes.txt", "profile-20231114T221322Z.pb.gz",
                                   "profile-20231114T221323Z.pb.gz", "profile-a.txt"));
  EXPECT_EQ(content("profile-20231114T221323Z.pb.gz"), "profile 3");
  path_ = path_.parent_path();
}

TEST_F(ProfileFolderTest, BytesAreBoundedAndTheNewestStays) {
  auto folder = ProfileFolder::open(path_, {.files = 100, .bytes = 25});
  ASSERT_TRUE(folder.has_value());
  ASSERT_TRUE(folder->store(kBegan, std::string(10, 'a')));
  ASSERT_TRUE(folder->store(kBegan + kSecond, std::string(10, 'b')));
  EXPECT_EQ(files().size(), 2u);
  ASSERT_TRUE(folder->store(kBegan + 2 * kSecond, std::string(10, 'c')));
  EXPECT_EQ(files().size(), 2u);
  ASSERT_TRUE(folder->store(kBegan + 3 * kSecond, std::string(50, 'd')));
  EXPECT_THAT(files(), ElementsAre("profile-20231114T221323Z.pb.gz"));
}

TEST_F(ProfileFolderTest, WhatAnotherLeftUnfinishedIsNoHindrance) {
  std::filesystem::create_symlink("/nowhere", path_ / ".profile.unfinished");
  auto folder = ProfileFolder::open(path_, {});
  ASSERT_TRUE(folder.has_value()) << folder.error().what;
  ASSERT_TRUE(folder->store(kBegan, "profile"));
  EXPECT_THAT(files(), ElementsAre("profile-20231114T221320Z.pb.gz"));
}

TEST_F(ProfileFolderTest, WhereNoneCanBeMadeIsToldAtOnce) {
  EXPECT_FALSE(ProfileFolder::open("/proc/self", {}));
  EXPECT_FALSE(ProfileFolder::open("/dev/null", {}));
  EXPECT_FALSE(ProfileFolder::open(path_ / "a" / "b", {}));
}

}  // namespace
}  // namespace sonde::cli
