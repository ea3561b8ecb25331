// SPDX-License-Identifier: Apache-2.0
// Go's own table of functions: made by hand in each layout, in programs without sections, and in
// those that the Go of this machine makes.
#include "symbolizer/symbols/go_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "symbolizer/lines/go_lines.h"
#include "symbolizer/lines/line_table.h"
#include "symbolizer/symbols/go_functions.h"
#include "symbolizer/symbols/go_rows.h"
#include "symbolizer/unwind/elf_file.h"
#include "tests/support/go_table_maker.h"
#include "tests/support/scratch_file.h"

namespace sonde {
namespace {

constexpr uint64_t kText = GoTableMaker::kText;

std::span<const uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string text_of(const std::vector<GoTable::Value>& values) {
  std::string out;
  for (const auto& [from, value] : values) {
    out += "+" + std::to_string(from - kText) + ":" + std::to_string(value) + " ";
  }
  return out;
}

class GoTableLayouts : public testing::TestWithParam<GoLayout> {};
INSTANTIATE_TEST_SUITE_P(All, GoTableLayouts,
                         testing::Values(GoLayout::k2, GoLayout::k16, GoLayout::k18,
                                         GoLayout::k20));

// "+4:32s" and the like: from where on, the CFA from the stack pointer, and whether the caller's
// frame pointer is kept there; or what else a rule may be. "?": unknown.
std::string text_of_rows(const std::string& program) {
  const auto elf = ElfFile::open(ByteSource::of_memory(octets(program)));
  if (!elf) {
    return elf.error().what;
  }
  std::string out;
  make_file_rows(*elf, [&](uint64_t address, const sonde_rule& rule) {
    out += "+" + std::to_string(address - kText) + ":";
    if (rule.cfa == SONDE_CFA_SP) {
      out += std::to_string(rule.cfa_offset) +
             (SONDE_SAVED_FP(rule.saved) == SONDE_FP_SAME ? " " : "s ");
    } else {
      out += rule.cfa == SONDE_CFA_SIGNAL    ? "signal "
             : rule.cfa == SONDE_CFA_STOP    ? "stop "
             : rule.cfa == SONDE_CFA_FP_ONLY ? "frame pointer "
                                             : "? ";
    }
  });
  return out;
}

TEST_P(GoTableLayouts, HowToUnwind) {
  const auto rows = [](const char* first, const char* second) {
    return text_of_rows(GoTableMaker(GetParam(), first, second).program());
  };
  EXPECT_EQ(rows("main.main", "main.out"), "+0:8 +4:32s +28:8 +32:? ");
  // A handler of signals keeps to its own table, and returns to the first byte of code of which the
  // byte before is looked up.
  EXPECT_EQ(rows("runtime.sigtramp.abi0", "runtime.sigreturn__sigaction.abi0"),
            "+0:8 +4:32s +28:8 +31:signal +64:? ");
  EXPECT_EQ(rows("main.main", "runtime.goexit.abi0"), "+0:8 +4:32s +28:8 +32:stop +64:? ");
  EXPECT_EQ(rows("runtime.systemstack.abi0", "runtime.mcall"), "+0:frame pointer +64:? ");
}

TEST_P(GoTableLayouts, FunctionsFilesAndLines) {
  const std::string bytes = GoTableMaker(GetParam()).table();
  auto table = GoTable::over(octets(bytes), 0);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  ASSERT_EQ(table->size(), 2u);
  const auto first = table->function(0);
  const auto second = table->function(1);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->name, "main.main");
  EXPECT_EQ(first->begin, kText);
  EXPECT_EQ(first->end, second->begin);
  EXPECT_EQ(second->name, "main.out");
  EXPECT_EQ(second->end, kText + 2 * GoTableMaker::kFunctionSize);
  EXPECT_FALSE(table->function(2));
  std::vector<GoTable::Value> values;
  table->lines(*first, values);
  EXPECT_EQ(text_of(values), "+0:10 +8:12 ");
  table->lines(*second, values);
  EXPECT_EQ(text_of(values), "+32:20 ");
  table->files(*first, values);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(table->file(*first, values[0].value), "/a.go");
  table->files(*second, values);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(table->file(*second, values[0].value), "/b.go");
  EXPECT_EQ(table->file(*first, -1), "");
  EXPECT_EQ(table->file(*first, 1 << 20), "");
}

TEST_P(GoTableLayouts, CallsThatWereInlined) {
  const GoTableMaker maker(GetParam());
  const std::string bytes = maker.table();
  auto table = GoTable::over(octets(bytes), 0);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  const auto first = table->function(0);
  std::vector<GoTable::Value> values;
  table->calls(*first, values);
  if (GetParam() < GoLayout::k18) {
    EXPECT_TRUE(values.empty());
    EXPECT_FALSE(table->call_tree(*first));
    return;
  }
  EXPECT_EQ(text_of(values), "+0:-1 +8:0 +16:-1 ");
  EXPECT_EQ(table->call_tree(*first), 0u);
  EXPECT_FALSE(table->call_tree(*table->function(1)));
  const std::string calls = maker.calls();
  ASSERT_EQ(calls.size(), table->call_size());
  const auto call = table->call(octets(calls));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->function, "main.in");
  EXPECT_EQ(call->at, 4);
}

TEST_P(GoTableLayouts, OneThatIsCutOrDamaged) {
  const std::string good = GoTableMaker(GetParam()).table();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const std::string& bad :
         {good.substr(0, i), good.substr(0, i) + "\xff\xff\xff\xff" + good.substr(i)}) {
      auto table = GoTable::over(octets(bad), 0);
      std::vector<GoTable::Value> values;
      for (size_t number = 0; table && number < 3; ++number) {
        if (const auto function = table->function(number); function) {
          table->lines(*function, values);
          table->calls(*function, values);
          table->files(*function, values);
          (void)table->file(*function, values.empty() ? 7 : values[0].value);
        }
      }
    }
  }
}

std::string frames_at(const LineTable& table, uint64_t address) {
  std::vector<LineFrame> frames;
  table.find(address, frames);
  std::string out;
  for (const LineFrame& frame : frames) {
    out += out.empty() ? "" : " < ";
    out += std::string(frame.function) + " " +
           std::string(frame.file.substr(frame.file.rfind('/') + 1)) + ":" +
           std::to_string(frame.line);
  }
  return out;
}

std::string lines_of(ByteSource program) {
  const Fd out = scratch_file();
  const auto written = write_go_lines(program, out.get());
  EXPECT_TRUE(written.has_value()) << written.error().what;
  return bytes_of_file(out.get());
}

TEST_P(GoTableLayouts, AProgramWithoutSections) {
  for (const uint64_t said : {kText, uint64_t{0}}) {
    if (GetParam() == GoLayout::k2) {
      continue;  // its module is another one; its table is found all the same, as the next test has
                 // it
    }
    const std::string program = GoTableMaker(GetParam()).program(said);
    const std::string bytes = lines_of(ByteSource::of_memory(octets(program)));
    const auto table = LineTable::over(bytes);
    ASSERT_TRUE(table.has_value()) << table.error().what;
    const bool inlines = GetParam() >= GoLayout::k18;
    EXPECT_EQ(frames_at(*table, kText + 7), "main.main a.go:10");
    EXPECT_EQ(frames_at(*table, kText + 8),
              inlines ? "main.in a.go:12 < main.main a.go:10" : "main.main a.go:12");
    EXPECT_EQ(frames_at(*table, kText + 16), "main.main a.go:12");
    EXPECT_EQ(frames_at(*table, kText + 32), "main.out b.go:20");
    EXPECT_EQ(frames_at(*table, kText + 64), "");
  }
}

TEST_P(GoTableLayouts, FunctionsByWhereTheyStandInTheFile) {
  const std::string program = GoTableMaker(GetParam()).program();
  const auto functions = read_go_functions(ByteSource::of_memory(octets(program)));
  ASSERT_TRUE(functions.has_value()) << functions.error().what;
  ASSERT_EQ(functions->size(), 2u);
  EXPECT_EQ((*functions)[0].name, "main.main");
  EXPECT_EQ(program.substr((*functions)[0].start, 2), "\x90\x90");
  EXPECT_EQ((*functions)[1].start, (*functions)[0].start + GoTableMaker::kFunctionSize);
}

TEST(GoProgram, NotOfGo) {
  const Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  struct stat status{};
  ::fstat(self.get(), &status);
  EXPECT_FALSE(
      read_go_functions(ByteSource::of_file(self.get(), static_cast<uint64_t>(status.st_size))));
  EXPECT_FALSE(read_go_functions(ByteSource::of_memory({})));
}

// What the Go of this machine makes, stripped.
TEST(GoProgram, AStrippedOne) {
  char pattern[] = "/tmp/go_table.XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(pattern);
  std::ofstream(folder / "main.go") << R"(package main

type square struct{ side int }

func (s square) area() int { return s.side * s.side }

//go:noinline
func outer(s square) int {
	return 1 + s.area()
}

func main() { println(outer(square{3})) }
)";
  const char* const home = std::getenv("HOME");
  const std::string cache = std::string(home == nullptr ? "/tmp" : home) + "/.cache/sonde/go";
  const std::string command = "cd " + folder.string() +
                              " && GO111MODULE=off CGO_ENABLED=0 GOCACHE=" + cache +
                              " go build -ldflags '-s -w' -o program main.go 2>log";
  const bool made = std::system(command.c_str()) == 0;
  const Fd file(::open((folder / "program").c_str(), O_RDONLY | O_CLOEXEC));
  std::filesystem::remove_all(folder);
  if (!made) {
    GTEST_SKIP() << "no go here";
  }
  struct stat status{};
  ::fstat(file.get(), &status);
  const auto source = ByteSource::of_file(file.get(), static_cast<uint64_t>(status.st_size));
  const std::string bytes = lines_of(source);
  const auto table = LineTable::over(bytes);
  ASSERT_TRUE(table.has_value()) << table.error().what;
  auto functions = read_go_functions(source);
  ASSERT_TRUE(functions.has_value()) << functions.error().what;
  const auto elf = ElfFile::open(source);
  bool inlined = false;
  for (const FunctionSymbol& function : *functions) {
    if (function.name != "main.outer") {
      continue;
    }
    for (const ElfSegment& segment : elf->segments()) {
      if (!segment.executable) {
        continue;
      }
      const uint64_t begin = segment.address + (function.start - segment.offset);
      for (uint64_t at = begin; at < begin + function.size; ++at) {
        inlined |= frames_at(*table, at) == "main.square.area main.go:5 < main.outer main.go:9";
      }
    }
  }
  EXPECT_TRUE(inlined);
}

}  // namespace
}  // namespace sonde
