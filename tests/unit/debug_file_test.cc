// SPDX-License-Identifier: Apache-2.0
// Separate files of symbols: where they are looked for, and which one is believed.
#include "symbolizer/symbols/debug_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "symbolizer/symbols/debug_link.h"
#include "symbolizer/symbols/elf_functions.h"
#include "tests/support/made_elf.h"

namespace sonde {
namespace {

constexpr std::string_view kId = "\xab\xcd\xef\x01";

std::string link_section(std::string name, uint32_t check) {
  name.resize((name.size() + 4) / 4 * 4);
  return name.append(reinterpret_cast<const char*>(&check), sizeof(check));
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(DebugLink, NameAndCheck) {
  for (const std::string name : {"a", "abc", "abcd", "libc.so.debug"}) {
    const std::string section = link_section(name, 0x12345678);
    const auto link = parse_debug_link(bytes_of(section));
    ASSERT_TRUE(link) << name;
    EXPECT_EQ(link->name, name);
    EXPECT_EQ(link->check, 0x12345678u);
    for (size_t size = 0; size < section.size(); ++size) {
      EXPECT_FALSE(parse_debug_link(bytes_of(section).first(size))) << size;
    }
  }
}

TEST(DebugLink, ANameThatLeadsElsewhereIsNone) {
  for (const std::string name : {"", ".", "..", "../passwd", "/etc/passwd", "a/b"}) {
    EXPECT_FALSE(parse_debug_link(bytes_of(link_section(name, 1)))) << name;
  }
}

TEST(DebugLink, PathsTheLikeliestFirst) {
  EXPECT_THAT(
      debug_file_paths("/usr/lib/libc.so", "abcdef", DebugLink{"libc.debug", 1}),
      testing::ElementsAre("/usr/lib/debug/.build-id/ab/cdef.debug", "/usr/lib/libc.debug",
                           "/usr/lib/.debug/libc.debug", "/usr/lib/debug/usr/lib/libc.debug"));
  EXPECT_THAT(debug_file_paths("/init", "", DebugLink{"x", 1}),
              testing::ElementsAre("/x", "/.debug/x", "/usr/lib/debug/x"));
  EXPECT_TRUE(debug_file_paths("memfd:code (deleted)", "", DebugLink{"x", 1}).empty());
  EXPECT_TRUE(debug_file_paths("/usr/lib/libc.so", "ab", std::nullopt).empty());
}

class DebugFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "roots.XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    above_ = folder;
    for (const char* name : {"target", "host"}) {
      std::filesystem::create_directories(above_ + "/" + name);
      roots_.emplace_back(::open((above_ + "/" + name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
  }
  void TearDown() override { std::filesystem::remove_all(above_); }

  void put(const std::string& path, const std::vector<uint8_t>& bytes) const {
    const std::filesystem::path whole = above_ + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  // The name of the function at 0x1100 of `stripped`; empty: none.
  std::string name_of(const std::vector<uint8_t>& stripped) const {
    const ByteSource source = ByteSource::of_memory(stripped);
    const auto file = ElfFile::open(source);
    const int roots[] = {roots_[0].get(), roots_[1].get()};
    const DebugFile debug = find_debug_file(*file, "/bin/shop", roots);
    const auto functions = read_functions(
        source, debug.file.ok() ? std::optional(ByteSource::of_file(debug.file.get(), debug.size))
                                : std::nullopt);
    return functions->empty() ? "" : functions->front().name;
  }

  static std::vector<uint8_t> debug_file(const std::string& function, std::string_view id = kId) {
    MadeElf elf;
    if (!id.empty()) {
      elf.add_build_id(id);
    }
    elf.add_symbols(SHT_SYMTAB, {{.name = function, .address = MadeElf::kAddress + 0x1100}});
    return elf.file();
  }

  std::string above_;
  std::vector<Fd> roots_;
};

std::vector<uint8_t> stripped_with_id() {
  MadeElf elf;
  elf.add_build_id(kId);
  return elf.file();
}

std::vector<uint8_t> stripped_with_link(const std::vector<uint8_t>& debug, uint32_t wrong = 0) {
  const uLong check = ::crc32(0, debug.data(), static_cast<uInt>(debug.size()));
  MadeElf elf;
  elf.add({.name = ".gnu_debuglink",
           .type = SHT_PROGBITS,
           .bytes = link_section("shop.debug", static_cast<uint32_t>(check) ^ wrong)});
  return elf.file();
}

TEST_F(DebugFileTest, ByBuildIdInTheTargetFirstThenOnTheHost) {
  const std::string place = "/usr/lib/debug/.build-id/ab/cdef01.debug";
  EXPECT_EQ(name_of(stripped_with_id()), "");
  put("host" + place, debug_file("host"));
  EXPECT_EQ(name_of(stripped_with_id()), "host");
  put("target" + place, debug_file("target"));
  EXPECT_EQ(name_of(stripped_with_id()), "target");
  put("target" + place, debug_file("of another build", "\x01\x02\x03\x04"));
  EXPECT_EQ(name_of(stripped_with_id()), "host");
}

TEST_F(DebugFileTest, ByLinkIfItsCheckHolds) {
  const std::vector<uint8_t> debug = debug_file("linked", "");
  for (const char* place : {"target/bin/shop.debug", "target/bin/.debug/shop.debug",
                            "host/usr/lib/debug/bin/shop.debug"}) {
    put(place, debug);
    EXPECT_EQ(name_of(stripped_with_link(debug)), "linked") << place;
    EXPECT_EQ(name_of(stripped_with_link(debug, 1)), "") << place;
    std::filesystem::remove(above_ + "/" + place);
  }
  EXPECT_EQ(name_of(stripped_with_link(debug)), "");
}

TEST_F(DebugFileTest, LinksStayBelowTheRootAndFoldersAreNoFiles) {
  put("secret.debug", debug_file("secret"));
  const std::string folder = above_ + "/target/usr/lib/debug/.build-id/ab";
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink("../../../../../../../secret.debug", folder + "/cdef01.debug");
  EXPECT_EQ(name_of(stripped_with_id()), "");
  std::filesystem::remove(folder + "/cdef01.debug");
  std::filesystem::create_directory(folder + "/cdef01.debug");
  EXPECT_EQ(name_of(stripped_with_id()), "");
}

TEST_F(DebugFileTest, AFileThatHasSymbolsOfItsOwnNeedsNone) {
  put("host/usr/lib/debug/.build-id/ab/cdef01.debug", debug_file("separate"));
  EXPECT_EQ(name_of(debug_file("own")), "own");
}

}  // namespace
}  // namespace sonde
