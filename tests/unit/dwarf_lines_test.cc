// SPDX-License-Identifier: Apache-2.0
// Lines and inlined functions of programs that the compiler makes for the test, in every way that
// they are written; of this very program; and of files that lie.
#include "symbolizer/lines/dwarf_lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "symbolizer/lines/line_table.h"
#include "symbolizer/symbols/elf_functions.h"
#include "symbolizer/unwind/elf_file.h"
#include "tests/support/scratch_file.h"

namespace sonde {

// Outside of any anonymous namespace: what has no linkage has no linkage name either.
[[gnu::always_inline]] inline uint64_t own_place() {
  uint64_t place = 0;
#ifdef __x86_64__
  asm volatile("lea 0(%%rip), %0" : "=r"(place));
#else
  asm volatile("adr %0, . + 4" : "=r"(place));
#endif
  return place;
}

[[gnu::noinline]] uint64_t place_in_a_function() { return own_place() + 1; }

namespace {

// "function line < caller line": the file's name is asked for apart.
std::string frames_at(const LineTable& table, uint64_t address) {
  std::vector<LineFrame> frames;
  table.find(address, frames);
  std::string out;
  for (const LineFrame& frame : frames) {
    out += out.empty() ? "" : " < ";
    out += std::string(frame.function) + " " + std::to_string(frame.line);
  }
  return out;
}

Result<std::string> table_of(int fd, int alternate = -1) {
  const Fd out = scratch_file();
  const auto written = write_lines(fd, alternate, out.get());
  if (!written) {
    return std::unexpected(written.error());
  }
  EXPECT_EQ(written->left_out, 0u);
  return bytes_of_file(out.get());
}

// What is inlined lies in a header, and leaves a label where it lies.
constexpr std::string_view kHeader = R"(
namespace shapes {
struct Square {
  int side;
  [[gnu::always_inline]] inline int area() const {
    asm volatile(".globl in_area\nin_area: nop");  // line 6
    return side * side;
  }
};
}
)";
constexpr std::string_view kSource = R"(
#include "shapes.h"
extern "C" int sink(int);
extern "C" [[gnu::noinline]] int sink(int x) { asm volatile(""); return x; }
template <typename T> [[gnu::always_inline]] inline int twice(const T& shape) {
  return sink(shape.area()) + sink(shape.side);  // line 6
}
[[gnu::noinline]] int outer(shapes::Square square) {
  int sum = sink(1);
  sum += twice(square);  // line 10
  asm volatile(".globl in_outer\nin_outer: nop");  // line 11
  return sum;
}
int main(int argc, char**) { return outer({argc}); }
)";

class Program {
 public:
  // Empty: this compiler or linker cannot.
  explicit Program(const std::string& compiler, const std::string& flags) {
    char pattern[] = "/tmp/dwarf_lines.XXXXXX";
    folder_ = ::mkdtemp(pattern);
    std::ofstream(folder_ / "shapes.h") << kHeader.substr(1);
    std::ofstream(folder_ / "main.cc") << kSource.substr(1);
    run(compiler + " -O1 -g " + flags + " main.cc -o program");
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { std::filesystem::remove_all(folder_); }

  bool run(const std::string& command) const {
    return std::system(("cd " + folder_.string() + " && " + command + " 2>log").c_str()) == 0;
  }
  bool is_made() const { return std::filesystem::exists(folder_ / "program"); }
  Fd open(const std::string& name = "program") const {
    return Fd(::open((folder_ / name).c_str(), O_RDONLY | O_CLOEXEC));
  }

  // A label's address; 0: there is none.
  uint64_t address_of(std::string_view label) const {
    const Fd fd = open();
    struct stat status{};
    ::fstat(fd.get(), &status);
    const auto source = ByteSource::of_file(fd.get(), static_cast<uint64_t>(status.st_size));
    const auto functions = read_functions(source);
    const auto elf = ElfFile::open(source);
    for (const FunctionSymbol& function : *functions) {
      for (const ElfSegment& segment : elf->segments()) {
        if (function.name == label && function.start >= segment.offset &&
            function.start - segment.offset < segment.size) {
          return segment.address + (function.start - segment.offset);
        }
      }
    }
    return 0;
  }

 private:
  std::filesystem::path folder_;
};

void expect_frames(const Program& program, const std::string& bytes) {
  const auto table = LineTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  const uint64_t inlined = program.address_of("in_area");
  ASSERT_NE(inlined, 0u);
  EXPECT_EQ(frames_at(*table, inlined),
            "shapes::Square::area() const 5 < int twice<shapes::Square>(shapes::Square const&) 5"
            " < outer(shapes::Square) 9");
  EXPECT_EQ(frames_at(*table, program.address_of("in_outer")), "outer(shapes::Square) 10");
  EXPECT_EQ(frames_at(*table, 8), "");
  std::vector<LineFrame> frames;
  table->find(inlined, frames);
  EXPECT_TRUE(frames[0].file.starts_with('/')) << frames[0].file;
  EXPECT_TRUE(frames[0].file.ends_with("/shapes.h")) << frames[0].file;
  EXPECT_TRUE(frames[2].file.ends_with("/main.cc")) << frames[2].file;
}

struct Way {
  const char* compiler;
  const char* flags;
};

class DwarfLines : public testing::TestWithParam<Way> {};

TEST_P(DwarfLines, FramesOfAProgram) {
  const Program program(GetParam().compiler, GetParam().flags);
  if (!program.is_made()) {
    GTEST_SKIP() << GetParam().compiler << " " << GetParam().flags << " cannot be done here";
  }
  const auto bytes = table_of(program.open().get());
  ASSERT_TRUE(bytes.has_value()) << bytes.error().what;
  expect_frames(program, *bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, DwarfLines,
    testing::Values(Way{"g++", "-gdwarf-5"}, Way{"g++", "-gdwarf-4"},
                    Way{"g++", "-gdwarf-3 -gstrict-dwarf"}, Way{"g++", "-gdwarf-5 -gdwarf64"},
                    Way{"g++", "-gz=zlib"}, Way{"g++", "-Wl,--compress-debug-sections=zstd"},
                    Way{"g++", "-no-pie -ffunction-sections"}, Way{"g++", "-fdebug-types-section"},
                    Way{"clang++-19", "-gdwarf-5"}, Way{"clang++-19", "-gdwarf-4"}));

TEST(DwarfLinesFile, DebugInformationByItself) {
  const Program program("g++", "");
  ASSERT_TRUE(program.is_made());
  ASSERT_TRUE(program.run("objcopy --only-keep-debug program program.debug"));
  const auto bytes = table_of(program.open("program.debug").get());
  ASSERT_TRUE(bytes.has_value()) << bytes.error().what;
  expect_frames(program, *bytes);
}

// dwz moves what several files have into another one.
TEST(DwarfLinesFile, AnAlternateFile) {
  const Program program("g++", "");
  ASSERT_TRUE(program.is_made());
  if (!program.run("cp program second && cp program third && dwz -m shared program second third")) {
    GTEST_SKIP() << "no dwz";
  }
  const auto bytes = table_of(program.open().get(), program.open("shared").get());
  ASSERT_TRUE(bytes.has_value()) << bytes.error().what;
  expect_frames(program, *bytes);
  // Without it names may be missing, no more.
  EXPECT_TRUE(table_of(program.open().get()).has_value());
}

TEST(DwarfLinesFile, NoDwarf) {
  const Program program("g++", "-s");
  ASSERT_TRUE(program.is_made());
  EXPECT_FALSE(table_of(program.open().get()).has_value());
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(table_of(nothing.get()).has_value());
  EXPECT_FALSE(table_of(-1).has_value());
}

std::string changed(std::string bytes, size_t from, size_t size, char to) {
  bytes.replace(from, size, std::string(std::min(size, bytes.size() - from), to));
  return bytes;
}

void read_lies(const std::string& bytes) {
  const Fd file = scratch_file();
  ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  const auto table = table_of(file.get());
  EXPECT_TRUE(!table || LineTable::over(*table));
}

TEST(DwarfLinesFile, OneThatIsCutOrDamaged) {
  const Program program("g++", "");
  ASSERT_TRUE(program.is_made());
  const std::string good = bytes_of_file(program.open().get());
  const size_t step = 1 + good.size() / 100;
  for (size_t at = 0; at < good.size(); at += step) {
    read_lies(good.substr(0, at));
    read_lies(changed(good, at, 16, '\0'));
    read_lies(changed(good, at, 2, '\xff'));
  }
}

TEST(DwarfLinesFile, OfThisVeryProgram) {
  uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uint64_t*>(out) = info->dlpi_addr;
        return 1;
      },
      &bias);
  const Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto bytes = table_of(self.get());
  ASSERT_TRUE(bytes.has_value()) << bytes.error().what;
  const auto table = LineTable::over(*bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  std::vector<LineFrame> frames;
  table->find(place_in_a_function() - 2 - bias, frames);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].function, "sonde::own_place()");
  EXPECT_EQ(frames[1].function, "sonde::place_in_a_function()");
  EXPECT_TRUE(frames[1].file.ends_with("tests/unit/dwarf_lines_test.cc")) << frames[1].file;
}

}  // namespace
}  // namespace sonde
