// SPDX-License-Identifier: Apache-2.0
// Tables that other processes make: right, kept, and whatever happens to those processes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "symbolizer/lines/line_table.h"
#include "symbolizer/store/store.h"
#include "symbolizer/symbols/symbol_table.h"
#include "tests/support/made_elf.h"
#include "tests/support/user_emulation.h"
#include "userspace/confine/call_filter.h"
#include "userspace/confine/capabilities.h"
#include "userspace/extraction/extractor.h"
#include "userspace/extraction/mapped_file.h"
#include "userspace/extraction/message.h"
#include "userspace/extraction/worker.h"

namespace sonde {
namespace {

using extraction::in_worker;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class ExtractionTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "extraction.XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    above_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(above_); }

  Extractor start(const std::string& folder = "cache") const {
    auto started = Extractor::start(
        {.folder = folder.empty() ? "" : above_ + "/" + folder, .max_bytes = Store::kDefaultBytes});
    EXPECT_TRUE(started) << started.error().what;
    return *std::move(started);
  }

  Fd put(const std::string& path, const std::vector<uint8_t>& bytes) const {
    const std::filesystem::path whole = above_ + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return Fd(::open(whole.c_str(), O_RDONLY | O_CLOEXEC));
  }

  std::vector<std::string> kept() const {
    std::vector<std::string> out;
    for (const auto& each : std::filesystem::directory_iterator(above_ + "/cache")) {
      out.push_back(each.path().filename());
    }
    return out;
  }

  std::string above_;
};

std::vector<uint8_t> file_with(const std::string& function, std::string_view id = {}) {
  MadeElf elf;
  if (!id.empty()) {
    elf.add_build_id(id);
  }
  if (!function.empty()) {
    elf.add_symbols(SHT_SYMTAB, {{.name = function, .address = MadeElf::kAddress + 0x1100}});
  }
  return elf.file();
}

// The name of what stands at 0x1100.
std::string name_by(const Result<Fd>& table) {
  if (!table) {
    return "failed: " + table.error().what;
  }
  const auto mapped = MappedFile::of(*table);
  const auto read = mapped ? SymbolTable::over(mapped->bytes()) : fail("not mapped");
  if (!read) {
    return "damaged: " + read.error().what;
  }
  const auto found = read->find(0x1100);
  return found ? std::string(found->name) : "";
}

TEST_F(ExtractionTest, ATableIsMadeOnceForAllRuns) {
  const Fd file = put("shop", file_with("sell"));
  {
    Extractor first = start();
    const auto table = first.table({.build_id = {}, .path = {}, .file = file.get()});
    EXPECT_EQ(name_by(table), "sell");
    EXPECT_EQ(::fcntl(table->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(name_by(first.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
    EXPECT_EQ(first.counts().made, 1u);
    EXPECT_EQ(first.counts().found, 1u);
  }
  Extractor second = start();
  EXPECT_EQ(name_by(second.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
  EXPECT_EQ(second.counts().made, 0u);
  EXPECT_EQ(second.counts().found, 1u);
}

TEST_F(ExtractionTest, OneThatIsDamagedIsMadeAnew) {
  const Fd file = put("shop", file_with("sell"));
  Extractor extractor = start();
  ASSERT_TRUE(extractor.table({.build_id = "abcdef", .path = {}, .file = file.get()}));
  EXPECT_EQ(extractor.why_not_kept(), "");
  ASSERT_EQ(kept().size(), 1u);
  std::ofstream(above_ + "/cache/" + kept()[0]) << "something else";
  EXPECT_TRUE(name_by(extractor.table({.build_id = "abcdef", .path = {}, .file = file.get()}))
                  .starts_with("damaged"));
  EXPECT_EQ(name_by(extractor.table(
                {.anew = true, .build_id = "abcdef", .path = {}, .file = file.get()})),
            "sell");
  EXPECT_EQ(name_by(extractor.table({.build_id = "abcdef", .path = {}, .file = file.get()})),
            "sell");
}

TEST_F(ExtractionTest, OneBuildInTwoPlacesHasOneTableButNotOfAnotherUser) {
  Extractor extractor = start();
  const Fd one = put("one", file_with("sell"));
  const Fd two = put("two", file_with("sell"));
  ASSERT_TRUE(extractor.table({.build_id = "abcdef", .path = {}, .file = one.get()}));
  ASSERT_TRUE(extractor.table({.build_id = "abcdef", .path = {}, .file = two.get()}));
  EXPECT_EQ(kept().size(), 1u);
  if (::geteuid() != 0) {
    GTEST_SKIP() << "privilege: only root can give a file away";
  }
  const Fd false_one = put("three", file_with("swap"));
  ASSERT_EQ(::fchown(false_one.get(), 1, 1), 0);
  EXPECT_EQ(name_by(extractor.table({.build_id = "abcdef", .path = {}, .file = false_one.get()})),
            "swap");
  EXPECT_EQ(name_by(extractor.table({.build_id = "abcdef", .path = {}, .file = one.get()})),
            "sell");
}

TEST_F(ExtractionTest, AStrippedFileTakesNoNamesFromOneThatIsNot) {
  Extractor extractor = start();
  const Fd stripped = put("stripped", file_with(""));
  const Fd whole = put("whole", file_with("sell"));
  EXPECT_EQ(name_by(extractor.table({.build_id = "abcdef", .path = {}, .file = stripped.get()})),
            "");
  EXPECT_EQ(name_by(extractor.table({.build_id = "abcdef", .path = {}, .file = whole.get()})),
            "sell");
}

TEST_F(ExtractionTest, WithoutAFolderNothingIsKept) {
  const Fd file = put("shop", file_with("sell"));
  for (const std::string folder : {"", "shop"}) {
    Extractor extractor = start(folder);
    EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
    EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
    EXPECT_EQ(extractor.counts().made, 2u);
    EXPECT_FALSE(extractor.why_not_kept().empty());
  }
}

TEST_F(ExtractionTest, WhatFindsNoRoomIsNotKept) {
  const Fd file = put("shop", file_with("sell"));
  auto extractor = Extractor::start({.folder = above_ + "/cache", .max_bytes = 10});
  ASSERT_TRUE(extractor);
  EXPECT_EQ(name_by(extractor->table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
  EXPECT_TRUE(kept().empty());
}

TEST_F(ExtractionTest, SeparateSymbolsBelowTheProcessRoot) {
  const std::string_view id = "\xab\xcd\xef";
  const Fd file = put("shop", file_with("", id));
  const Fd root(::open(above_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Extractor extractor = start();
  const extraction::Request request = {
      .build_id = "abcdef", .path = "/shop", .file = file.get(), .root = root.get()};
  EXPECT_EQ(name_by(extractor.table(request)), "");
  put("usr/lib/debug/.build-id/ab/cdef.debug", file_with("sell", id));
  EXPECT_EQ(name_by(extractor.table(request)), "sell");
  std::filesystem::remove_all(above_ + "/usr");
  EXPECT_EQ(name_by(extractor.table(request)), "");
  EXPECT_EQ(extractor.counts().made, 2u);
}

// Of this very program: the compiler was asked for lines.
TEST_F(ExtractionTest, LinesAreAnotherTable) {
  SONDE_NOT_UNDER_USER_EMULATION(
      "does not read this very program's lines in the time that there is");
  Extractor extractor = start();
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const extraction::Request request = {
      .kind = extraction::TableKind::kLines, .build_id = {}, .path = {}, .file = file.get()};
  const auto table = extractor.table(request);
  ASSERT_TRUE(table) << table.error().what;
  const auto mapped = MappedFile::of(*table);
  ASSERT_TRUE(mapped) << mapped.error().what;
  const auto lines = LineTable::over(mapped->bytes());
  ASSERT_TRUE(lines) << lines.error().what;
  EXPECT_GT(lines->rows(), 1000u);
  EXPECT_TRUE(extractor.table(request));
  EXPECT_EQ(extractor.counts().made, 1u);
  EXPECT_EQ(extractor.counts().found, 1u);
}

TEST_F(ExtractionTest, ThatThereAreNoLinesIsKeptToo) {
  const Fd file = put("shop", file_with("sell"));
  Extractor extractor = start();
  for (int i = 0; i < 2; ++i) {
    const auto table = extractor.table(
        {.kind = extraction::TableKind::kLines, .build_id = {}, .path = {}, .file = file.get()});
    ASSERT_TRUE(table) << table.error().what;
    const auto mapped = MappedFile::of(*table);
    ASSERT_TRUE(mapped);
    const auto lines = LineTable::over(mapped->bytes());
    ASSERT_TRUE(lines) << lines.error().what;
    EXPECT_EQ(lines->rows(), 0u);
  }
  EXPECT_EQ(extractor.counts().made, 1u);
  EXPECT_EQ(extractor.counts().found, 1u);
}

// The first child that a process has, 0: none.
pid_t child_of(pid_t process) {
  pid_t out = 0;
  std::ifstream("/proc/" + std::to_string(process) + "/task/" + std::to_string(process) +
                "/children") >>
      out;
  return out;
}

TEST_F(ExtractionTest, WhoWaitsForSoLongIsAnsweredByThen) {
  if (!std::ifstream("/proc/self/task/" + std::to_string(::getpid()) + "/children")) {
    GTEST_SKIP() << "this kernel does not list the children of a process";
  }
  const Fd file = put("shop", file_with("sell"));
  Extractor extractor = start();
  const pid_t service = extractor.process();
  // Its workers stop as soon as they are seen; one that was faster is asked for anew.
  std::atomic<bool> done = false;
  std::thread stopper([&] {
    while (!done) {
      if (const pid_t worker = child_of(service); worker > 0) {
        ::kill(worker, SIGSTOP);
      }
    }
  });
  Result<Fd> table = fail("not asked");
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000 && (table || i == 0); ++i) {
    began = std::chrono::steady_clock::now();
    table = extractor.table(
        {.anew = true, .seconds = 1, .build_id = {}, .path = {}, .file = file.get()});
  }
  done = true;
  stopper.join();
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().what, "its reader took too long");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(40));
  EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
}

TEST_F(ExtractionTest, AFileThatIsNoneFailsAlone) {
  Extractor extractor = start();
  const Fd text = put("text", std::vector<uint8_t>(1000, 'x'));
  const Fd file = put("shop", file_with("sell"));
  EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = text.get()})),
            "failed: no ELF file");
  EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = -1})),
            "failed: no request that is understood");
  EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
  EXPECT_EQ(extractor.counts().failed, 2u);
  EXPECT_EQ(kept().size(), 1u);
}

TEST_F(ExtractionTest, WithoutItsProcessNamesAreMissingAndNothingElse) {
  Extractor extractor = start();
  const Fd file = put("shop", file_with("sell"));
  ::kill(extractor.process(), SIGINT);
  ::kill(extractor.process(), SIGTERM);
  EXPECT_EQ(name_by(extractor.table({.build_id = {}, .path = {}, .file = file.get()})), "sell");
  ::kill(extractor.process(), SIGKILL);
  EXPECT_FALSE(extractor.table({.build_id = {}, .path = {}, .file = file.get()}));
  EXPECT_FALSE(extractor.table({.build_id = {}, .path = {}, .file = file.get()}));
  EXPECT_EQ(extractor.counts().failed, 2u);
}

// As `sonde run` does: asked by a process that may start none, and write no file, itself.
TEST_F(ExtractionTest, WhoIsConfinedCanAsk) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  const Fd file = put("shop", file_with("sell"));
  const pid_t confined = ::fork();
  ASSERT_GE(confined, 0);
  if (confined == 0) {
    bool good = false;
    {
      Extractor extractor = start();
      good = confine::filter_calls().has_value() && confine::keep_only(0).has_value() &&
             ::open((above_ + "/new").c_str(), O_CREAT | O_WRONLY, 0600) < 0 &&
             name_by(extractor.table({.build_id = {}, .path = {}, .file = file.get()})) == "sell";
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(confined, &status, 0), confined);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(kept().size(), 1u);
}

// What the kernel says of a process, by its name there.
std::string status_of(pid_t process, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":\t")) {
      return line.substr(name.size() + 2);
    }
  }
  return {};
}

TEST_F(ExtractionTest, ItsProcessMayDoLittleItself) {
  const Extractor extractor = start();
  EXPECT_EQ(status_of(extractor.process(), "NoNewPrivs"), "1");
  const uint64_t held = std::stoull("0x" + status_of(extractor.process(), "CapEff"), nullptr, 16);
  EXPECT_EQ(held & ~confine::capability(CAP_DAC_READ_SEARCH), 0u);
}

TEST_F(ExtractionTest, ItsProcessIsRefusedMostCalls) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  const Extractor extractor = start();
  EXPECT_EQ(status_of(extractor.process(), "Seccomp"), "2");
}

std::string why(const Result<Fd>& done) { return done ? "" : done.error().what; }

TEST(Worker, GivesAFileOrAReason) {
  const auto file = in_worker(
      {}, []() -> Result<Fd> { return Fd(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)); });
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->ok());
  EXPECT_EQ(why(in_worker({}, []() -> Result<Fd> { return fail("for a reason"); })),
            "for a reason");
  EXPECT_TRUE(in_worker({}, []() -> Result<Fd> { return Fd(); }));
  EXPECT_EQ(in_worker({}, []() -> Result<Fd> { return fail("full", ENOSPC); }).error().code,
            ENOSPC);
}

TEST(Worker, WhatEndsItEndsNothingElse) {
  EXPECT_EQ(why(in_worker({},
                          []() -> Result<Fd> {
                            ::signal(SIGSEGV, SIG_DFL);
                            ::raise(SIGSEGV);
                            return Fd();
                          })),
            "its reader was ended by signal 11");
  EXPECT_EQ(why(in_worker({},
                          []() -> Result<Fd> {
                            ::_exit(0);
                            return Fd();
                          })),
            "its reader ended without a word");
}

// As one may that a hostile file has taken over.
TEST(Worker, ThatHasAnsweredAndStaysIsEnded) {
  constexpr uint32_t kFailed = 1;  // as worker.cc has it
  constexpr unsigned kStays = 20;  // seconds
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd told(ends[0]);
  Fd late(ends[1]);
  auto pair = extraction::socket_pair();
  ASSERT_TRUE(pair);
  const int its_socket = pair->second.get();
  *pair = {};  // the worker's sockets get the same numbers
  const auto answer_and_stay = [&]() -> Result<Fd> {
    extraction::send(its_socket, kFailed, "for a reason");
    ::sleep(kStays);
    return ::write(late.get(), "x", 1) == 1 ? Result<Fd>(Fd()) : fail("nobody listens");
  };
  EXPECT_EQ(why(in_worker({}, answer_and_stay)), "for a reason");
  late.reset();
  char byte = 0;
  EXPECT_EQ(::read(told.get(), &byte, sizeof(byte)), 0) << "it stayed as long as it liked";
}

TEST(Worker, HasLimits) {
  const auto endless = []() -> Result<Fd> {
    for (std::atomic<bool> on = true; on;) {
    }
    return Fd();
  };
  EXPECT_EQ(why(in_worker({.cpu_seconds = 1}, endless)), "its reader took too long");
  EXPECT_EQ(why(in_worker({.seconds = 1}, endless)), "its reader took too long");
  EXPECT_EQ(why(in_worker({.file = 1000},
                          []() -> Result<Fd> {
                            rlimit most{};
                            ::getrlimit(RLIMIT_FSIZE, &most);
                            return fail(std::to_string(most.rlim_cur));
                          })),
            "1000");
}

TEST(Worker, HasALimitOfMemory) {
  SONDE_NOT_UNDER_USER_EMULATION("keeps no limit of memory");
  if (kSanitized) {
    GTEST_SKIP() << "a sanitizer takes all addresses there are";
  }
  EXPECT_EQ(why(in_worker({.memory = 256u << 20},
                          []() -> Result<Fd> {
                            const std::vector<char> much(512u << 20);
                            return Fd(much[1]);
                          })),
            "its reader was ended by signal 6");
}

TEST(Worker, ThatGaveUpEverythingReadsAndEnds) {
  SONDE_NOT_UNDER_USER_EMULATION("translates no seccomp");
  if (kSanitized) {
    GTEST_SKIP() << "a sanitizer makes calls of its own";
  }
  EXPECT_EQ(why(in_worker({},
                          []() -> Result<Fd> {
                            extraction::give_up_everything();
                            return ::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 ? Result<Fd>(Fd())
                                                                                  : fail("none");
                          })),
            "none");
  EXPECT_EQ(why(in_worker({},
                          []() -> Result<Fd> {
                            extraction::give_up_everything();
                            return Fd(::socket(AF_INET, SOCK_STREAM, 0));
                          })),
            "its reader was ended by signal 31");
  EXPECT_EQ(why(in_worker({},
                          []() -> Result<Fd> {
                            extraction::give_up_everything();
                            return fail(std::string(100'000, 'x').substr(99'995));
                          })),
            "xxxxx");
}

}  // namespace
}  // namespace sonde
