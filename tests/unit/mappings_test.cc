// SPDX-License-Identifier: Apache-2.0
// What a process executes, as /proc/PID/maps says it, and the build-ids of its files.
#include "userspace/inventory/mappings.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>

#include "userspace/base/build_id_note.h"
#include "userspace/base/fd.h"
#include "userspace/inventory/build_id.h"

namespace sonde {
namespace {

constexpr std::string_view kMaps =
    "55d0c8a00000-55d0c8a02000 r--p 00000000 fe:01 1234                       /usr/bin/cat\n"
    "55d0c8a02000-55d0c8a06000 r-xp 00002000 fe:01 1234                       /usr/bin/cat\n"
    "7f0000000000-7f0000010000 r-xp 00001000 00:2b 77    /tmp/a b\\012c (deleted)\n"
    "7f0000020000-7f0000021000 rwxp 00000000 00:00 0 \n"
    "7ffd1c5f9000-7ffd1c5fb000 r-xp 00000000 00:00 0                          [vdso]\n";

Mappings read(std::string_view text, size_t piece) {
  MappingReader reader;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    reader.add(text.substr(0, piece));
  }
  return reader.finish();
}

TEST(Mappings, ThoseThatAreExecuted) {
  const Mappings mappings = read(kMaps, 1000);
  ASSERT_EQ(mappings.all().size(), 4u);
  const Mapping& cat = mappings.all()[0];
  EXPECT_EQ(cat.start, 0x55d0c8a02000u);
  EXPECT_EQ(cat.end, 0x55d0c8a06000u);
  EXPECT_EQ(cat.offset, 0x2000u);
  EXPECT_EQ(cat.file.device, makedev(0xfe, 1));
  EXPECT_EQ(cat.file.inode, 1234u);
  EXPECT_EQ(cat.path, "/usr/bin/cat");
  EXPECT_EQ(mappings.all()[1].path, "/tmp/a b\nc");
  EXPECT_EQ(mappings.all()[2].path, "");
  EXPECT_EQ(mappings.all()[2].file.inode, 0u);
  EXPECT_EQ(mappings.all()[3].path, "[vdso]");
}

TEST(Mappings, AnyCutOfTheTextReadsTheSame) {
  for (size_t piece = 1; piece < kMaps.size(); piece++) {
    const Mappings mappings = read(kMaps, piece);
    ASSERT_EQ(mappings.all().size(), 4u) << piece;
    EXPECT_EQ(mappings.all()[1].path, "/tmp/a b\nc") << piece;
  }
}

TEST(Mappings, AreFoundByAddress) {
  const Mappings mappings = read(kMaps, 1000);
  EXPECT_EQ(mappings.find(0x55d0c8a01fff), nullptr);
  EXPECT_EQ(mappings.find(0x55d0c8a02000), mappings.all().data());
  EXPECT_EQ(mappings.find(0x55d0c8a05fff), mappings.all().data());
  EXPECT_EQ(mappings.find(0x55d0c8a06000), nullptr);
  EXPECT_EQ(mappings.find(0), nullptr);
  EXPECT_EQ(mappings.find(~0ull), nullptr);
  EXPECT_EQ(Mappings().find(1), nullptr);
}

TEST(Mappings, LinesOfAnotherFormAreLeftOut) {
  for (const auto* line :
       {"", "x", "1-2", "1-2 r-xp", "2-1 r-xp 0 0:0 0 ", "1-2 r--p 0 0:0 0 /x", "1-2 r-xp 0 0 0 /x",
        "1-2 r-xp 0 0:0 x", "zz-2 r-xp 0 0:0 0 ", "1-fffffffffffffffff r-xp 0 0:0 0 "}) {
    EXPECT_FALSE(parse_mapping(line)) << line;
  }
  EXPECT_TRUE(parse_mapping("1-2 r-xp 0 0:0 0"));
}

TEST(Mappings, AreBounded) {
  std::string text;
  for (size_t i = 1; i <= 2 * kMaxMappings; i++) {
    char line[64];
    snprintf(line, sizeof(line), "%zx-%zx r-xp 0 0:0 0 /x\n", i * 2, i * 2 + 1);
    text += line;
  }
  EXPECT_EQ(read(text, 4096).all().size(), kMaxMappings);
  const std::string endless =
      "1-2 r-xp 0 0:0 0 /" + std::string(1 << 20, 'x') + "\n3-4 r-xp 0 0:0 0 /y\n";
  const Mappings mappings = read(endless, 4096);
  ASSERT_EQ(mappings.all().size(), 1u);
  EXPECT_EQ(mappings.all()[0].path, "/y");
}

TEST(Mappings, OverlapsCannotBe) {
  const Mappings mappings = read("1000-3000 r-xp 0 0:0 1 /a\n2000-4000 r-xp 0 0:0 2 /b\n", 1000);
  ASSERT_EQ(mappings.all().size(), 1u);
  EXPECT_EQ(mappings.all()[0].path, "/a");
}

TEST(Mappings, OfThisVeryProcess) {
  const auto own = read_mappings(Pid{static_cast<uint32_t>(getpid())});
  ASSERT_TRUE(own) << own.error().what;
  const Mapping* mapping = own->find(reinterpret_cast<uint64_t>(&parse_mapping));
  ASSERT_NE(mapping, nullptr);
  // Opened, not asked by its name: there an emulator's answer would be its own file.
  const Fd program(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  struct stat facts{};
  ASSERT_EQ(fstat(program.get(), &facts), 0);
  EXPECT_EQ(mapping->file.inode, facts.st_ino);
  EXPECT_FALSE(read_mappings(Pid{kMaxPid + 1}));
}

TEST(BuildId, OfThisVeryProgram) {
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const std::string id = read_build_id(file.get());
  EXPECT_TRUE(id.empty() || id.size() == 40) << id;
  const Fd text(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read_build_id(text.get()), "");
  EXPECT_EQ(read_build_id(-1), "");
}

std::string note(uint32_t name_size, uint32_t size, uint32_t type, std::string_view rest) {
  std::string out;
  for (const uint32_t word : {name_size, size, type}) {
    out.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return out.append(rest);
}

std::string read_notes(std::string_view notes, uint64_t alignment) {
  return build_id_in_notes({reinterpret_cast<const uint8_t*>(notes.data()), notes.size()},
                           alignment);
}

TEST(BuildId, StandsAmongNotes) {
  const std::string other = note(5, 1, 1, std::string_view("name\0\0\0\0x\0\0\0", 12));
  const auto id = note(4, 3, 3, std::string_view("GNU\0\x01\xab\xff", 7));
  EXPECT_EQ(read_notes(other + id, 4), "01abff");
  EXPECT_EQ(read_notes(id, 8), "01abff");
}

TEST(BuildId, NotesThatLie) {
  EXPECT_EQ(read_notes("", 4), "");
  EXPECT_EQ(read_notes(note(~0u, 3, 3, "GNU"), 4), "");
  EXPECT_EQ(read_notes(note(4, ~0u, 3, std::string_view("GNU\0\x01", 5)), 4), "");
  EXPECT_EQ(read_notes(note(4, 0, 3, std::string_view("GNU\0", 4)), 4), "");
  EXPECT_EQ(read_notes(note(4, 65, 3, std::string("GNU\0", 4) + std::string(68, 'x')), 4), "");
}

}  // namespace
}  // namespace sonde
