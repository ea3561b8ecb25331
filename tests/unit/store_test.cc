// SPDX-License-Identifier: Apache-2.0
// The folder of what is kept: whose it may be, what stays, what goes.
#include "symbolizer/store/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace sonde {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "store.XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    above_ = folder;
    path_ = folder + "/cache/sonde";
  }
  void TearDown() override { std::filesystem::remove_all(above_); }

  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      out.insert(entry.path().filename());
    }
    return out;
  }
  // As if it was used so many seconds ago.
  void age(const std::string& name, time_t seconds) const {
    const timespec at{.tv_sec = ::time(nullptr) - seconds, .tv_nsec = 0};
    const timespec times[2] = {at, at};
    ASSERT_EQ(::utimensat(AT_FDCWD, (path_ + "/" + name).c_str(), times, 0), 0);
  }
  void leave(const std::string& name) const { std::ofstream(path_ + "/" + name) << "left"; }

  std::string above_;
  std::string path_;
};

Store::Writer text(std::string what) {
  return [what = std::move(what)](int file) -> Result<> {
    if (::write(file, what.data(), what.size()) != static_cast<ssize_t>(what.size())) {
      return fail("not written");
    }
    return {};
  };
}

std::string content(const Fd& file) {
  std::string out(100, '\0');
  const ssize_t size = ::pread(file.get(), out.data(), out.size(), 0);
  out.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return out;
}

TEST_F(StoreTest, WhatIsPutIsFoundAlsoByTheNextRun) {
  {
    auto store = Store::open(path_);
    ASSERT_TRUE(store) << store.error().what;
    EXPECT_FALSE(store->find("a-0.sym").ok());
    const auto made = store->put("a-0.sym", text("one"));
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_EQ(content(*made), "one");
    EXPECT_EQ(::fcntl(made->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  }
  struct stat facts{};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
  auto store = Store::open(path_ + "/");
  ASSERT_TRUE(store);
  EXPECT_EQ(content(store->find("a-0.sym")), "one");
  ASSERT_TRUE(store->put("a-0.sym", text("two")));
  EXPECT_EQ(content(store->find("a-0.sym")), "two");
  EXPECT_EQ(names(), std::set<std::string>({"a-0.sym"}));
}

TEST_F(StoreTest, WhatFailsLeavesTheOldOne) {
  auto store = Store::open(path_);
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->put("a.sym", text("one")));
  EXPECT_FALSE(store->put("a.sym", [](int) { return Result<>(fail("no")); }));
  EXPECT_EQ(content(store->find("a.sym")), "one");
  EXPECT_EQ(names(), std::set<std::string>({"a.sym"}));
}

TEST_F(StoreTest, NamesLeadNowhereElse) {
  auto store = Store::open(path_);
  ASSERT_TRUE(store);
  for (const std::string name : {"", ".", "..", "a", ".sym", "a.", "../a.sym", "a.b.c", "a/b.sym",
                                 "a.sym.XXXXXX", "\xff.sym"}) {
    EXPECT_FALSE(store->put(name, text("x"))) << name;
    EXPECT_FALSE(store->find(name).ok()) << name;
  }
  EXPECT_FALSE(store->put(std::string(300, 'a') + ".sym", text("x")));
  ASSERT_TRUE(std::filesystem::create_directory(path_ + "/folder.sym"));
  EXPECT_FALSE(store->find("folder.sym").ok());
  std::filesystem::create_symlink("/etc/passwd", path_ + "/link.sym");
  EXPECT_FALSE(store->find("link.sym").ok());
}

TEST_F(StoreTest, WhatWasUsedLongestAgoGoesFirst) {
  auto store = Store::open(path_, 10);
  ASSERT_TRUE(store);
  for (const char* name : {"a.sym", "b.sym", "c.rows"}) {
    ASSERT_TRUE(store->put(name, text("abc")));
  }
  age("a.sym", 30);
  age("b.sym", 20);
  age("c.rows", 10);
  EXPECT_TRUE(store->find("a.sym").ok());  // used now
  ASSERT_TRUE(store->put("d.sym", text("abcd")));
  EXPECT_EQ(names(), std::set<std::string>({"a.sym", "c.rows", "d.sym"}));
  const auto large = store->put("e.sym", text("more than ten"));
  EXPECT_FALSE(large);
  EXPECT_EQ(names(), std::set<std::string>({"a.sym", "c.rows", "d.sym"}));
}

TEST_F(StoreTest, NamesByTheirBeginningTheLargestFirst) {
  auto store = Store::open(path_);
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->put("ab-0-1.sym", text("abc")));
  ASSERT_TRUE(store->put("ab-0-2.sym", text("abcd")));
  ASSERT_TRUE(store->put("abc-0.sym", text("abcde")));
  EXPECT_EQ(store->names("ab-"), std::vector<std::string>({"ab-0-2.sym", "ab-0-1.sym"}));
  EXPECT_TRUE(store->names("b").empty());
}

TEST_F(StoreTest, AFileWrittenByItsPathCounts) {
  auto store = Store::open(path_, 10);
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->put("a.sym", text("abcdef")));
  age("a.sym", 30);
  std::ofstream(store->path_of("b.rows")) << "abcdef";
  store->make_room();
  EXPECT_EQ(names(), std::set<std::string>({"b.rows"}));
  EXPECT_EQ(content(store->find("b.rows")), "abcdef");
}

TEST_F(StoreTest, OnlyWhatDeadWritersLeftIsRemoved) {
  ASSERT_TRUE(Store::open(path_));
  leave("a.sym.qwErt1");
  leave("b.sym.qwErt2");
  leave("somebody's notes");
  age("a.sym.qwErt1", Store::kDraftSeconds + 10);
  age("somebody's notes", Store::kDraftSeconds + 10);
  ASSERT_TRUE(Store::open(path_, 1));
  EXPECT_EQ(names(), std::set<std::string>({"b.sym.qwErt2", "somebody's notes"}));
}

TEST_F(StoreTest, AFolderThatIsNotOursAloneIsRefused) {
  ASSERT_TRUE(Store::open(path_));
  ASSERT_EQ(::chmod(path_.c_str(), 0770), 0);
  const auto shared = Store::open(path_);
  ASSERT_FALSE(shared);
  EXPECT_TRUE(shared.error().what.contains("others may write")) << shared.error().what;
  ASSERT_EQ(::chmod(path_.c_str(), 0755), 0);
  EXPECT_TRUE(Store::open(path_));
  std::filesystem::create_directory_symlink(path_, above_ + "/link");
  EXPECT_FALSE(Store::open(above_ + "/link"));
  EXPECT_FALSE(Store::open(above_ + "/link/"));
  EXPECT_FALSE(Store::open("relative"));
  EXPECT_FALSE(Store::open(""));
  EXPECT_FALSE(Store::open("/proc/nothing/here"));
  if (::geteuid() != 0) {
    GTEST_SKIP() << "a folder of somebody else is made by root only";
  }
  ASSERT_EQ(::chown(path_.c_str(), 1, 1), 0);
  const auto foreign = Store::open(path_);
  ASSERT_FALSE(foreign);
  EXPECT_TRUE(foreign.error().what.contains("somebody else")) << foreign.error().what;
}

TEST(StoreDefault, IsAbsoluteOrNothing) {
  const std::string path = Store::default_path();
  EXPECT_TRUE(path.empty() || path.starts_with('/'));
  EXPECT_TRUE(path.empty() || path.ends_with("/sonde"));
}

}  // namespace
}  // namespace sonde
