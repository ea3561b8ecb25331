// SPDX-License-Identifier: Apache-2.0
// Where the kernel's types come from: its own first, a file's if it has none; whatever the file is,
// it is a type of ours or a sentence.
#include "userspace/kernel/kernel_types.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace sonde {
namespace {

class KernelTypesTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(std::string_view name) const { return folder_ / name; }

  std::string file(std::string_view name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  // Types that know one struct.
  std::string types(std::string_view name, const char* of) const {
    btf* made = btf__new_empty();
    EXPECT_GT(btf__add_struct(made, of, 0), 0);
    uint32_t size = 0;
    const auto* bytes = static_cast<const char*>(btf__raw_data(made, &size));
    const std::string out = file(name, {bytes, size});
    btf__free(made);
    return out;
  }

  std::string refusal(const std::string& given) const {
    const auto found = find_kernel_types(given, path("none"));
    return found ? "" : found.error().what;
  }

 private:
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sonde-types-" + std::to_string(getpid()));
};

TEST_F(KernelTypesTest, TheKernelsOwnComeFirst) {
  const std::string own = types("own", "task_struct");
  const auto found = find_kernel_types(path("not there"), own);
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_TRUE(found->own);
  EXPECT_EQ(found->file, own);
}

TEST_F(KernelTypesTest, AFileStandsInForThem) {
  const std::string given = types("given", "task_struct");
  // Also where something is in their place that holds none.
  for (const std::string& own : {path("none"), file("broken", "ELF")}) {
    const auto found = find_kernel_types(given, own);
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_FALSE(found->own);
    EXPECT_EQ(found->file, given);
  }
}

TEST_F(KernelTypesTest, NoneAtAllNamesTheWayOut) {
  EXPECT_NE(refusal("").find("--kernel-types"), std::string::npos);
}

TEST_F(KernelTypesTest, WhatIsNoFileOfTypesIsRefusedWithTheReason) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const std::string large = file("large", "");
  std::filesystem::resize_file(large, (64ull << 20) + 1);
  const std::string cut = types("cut", "task_struct");
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 1);
  const std::pair<std::string, std::string_view> cases[] = {
      {path("not there"), "No such file"},
      {path("pipe"), "no regular file"},
      {std::filesystem::path(path("x")).parent_path(), "no regular file"},
      {large, "more than 64"},
      {file("empty", ""), "holds no types"},
      {file("text", "a line of text that is no types at all"), "holds no types"},
      {cut, "holds no types"},
      {types("program", "main"), "not a kernel's"},
  };
  for (const auto& [given, wanted] : cases) {
    EXPECT_NE(refusal(given).find(wanted), std::string::npos) << given << ": " << refusal(given);
    EXPECT_NE(refusal(given).find(given), std::string::npos) << refusal(given);
  }
}

}  // namespace
}  // namespace sonde
