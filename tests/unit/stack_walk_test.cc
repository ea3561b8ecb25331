// SPDX-License-Identifier: Apache-2.0
// Walks over this very thread's stack, copied: through functions without frame pointers, signal
// handlers, realigned frames; the functions met must be those that called.
#include "symbolizer/unwind/stack_walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <map>

#include "symbolizer/unwind/rows_file.h"
#include "userspace/base/fd.h"

namespace sonde {
namespace {

constexpr size_t kCopied = size_t{64} * 1024;

// This process's own files and code, with rows made of them.
class OwnCode : public RowSource {
 public:
  OwnCode() {
    std::string folder = testing::TempDir() + "walk.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* self) {
          static_cast<OwnCode*>(self)->add(*info);
          return 0;
        },
        this);
    code_.emplace(mappings_);
  }
  OwnCode(const OwnCode&) = delete;
  OwnCode& operator=(const OwnCode&) = delete;
  ~OwnCode() override { ::rmdir(folder_.c_str()); }

  const RowsView* rows_of(uint32_t file) override {
    const auto found = files_.find(file);
    return found != files_.end() ? &found->second.view() : nullptr;
  }
  const MappedCode& code() const { return *code_; }
  const std::vector<CodeMapping>& mappings() const { return mappings_; }

 private:
  void add(const dl_phdr_info& info) {
    const auto number = static_cast<uint32_t>(mappings_.size());
    const std::string path = info.dlpi_name[0] != '\0' ? info.dlpi_name : "/proc/self/exe";
    for (size_t i = 0; i < info.dlpi_phnum; i++) {
      const auto& segment = info.dlpi_phdr[i];
      if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
        const uint64_t begin = info.dlpi_addr + segment.p_vaddr;
        mappings_.push_back({.begin = begin,
                             .end = begin + segment.p_memsz,
                             .bias = info.dlpi_addr,
                             .file = number,
                             .pad = 0});
      }
    }
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!fd.ok() || ::fstat(fd.get(), &status) != 0) {
      return;  // the kernel's own: linux-vdso.so
    }
    const auto elf =
        ElfFile::open(ByteSource::of_file(fd.get(), static_cast<uint64_t>(status.st_size)));
    ASSERT_TRUE(elf) << path << ": " << elf.error().what;
    const std::string place = folder_ + "/one.rows";
    ASSERT_TRUE(RowsFile::write(*elf, "one", place));
    auto rows = RowsFile::open(place, "one");
    ::unlink(place.c_str());
    ASSERT_TRUE(rows) << rows.error().what;
    files_.emplace(number, *std::move(rows));
  }

  std::string folder_;
  std::vector<CodeMapping> mappings_;
  std::map<uint32_t, RowsFile> files_;
  std::optional<MappedCode> code_;
};

OwnCode& own_code() {
  static OwnCode code;
  return code;
}

// The thread as it stands, and what the walk made of it.
struct Seen {
  std::vector<uint8_t> bytes;
  StackCopy copy{};
  WalkedStack walked;
};

Seen g_seen;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): handlers have no other

#if defined(__x86_64__)
StackCopy registers_of(const ucontext_t& context) {
  // By DWARF's numbers: rax rdx rcx rbx rsi rdi rbp rsp r8 ... r15.
  constexpr std::array kOrder = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                 REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15};
  StackCopy out{};
  for (size_t i = 0; i < kOrder.size(); i++) {
    out.registers[i] = static_cast<uint64_t>(context.uc_mcontext.gregs[kOrder[i]]);
  }
  out.pc = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
  return out;
}
constexpr size_t kFramePointer = 6;
constexpr size_t kStackPointer = 7;
#elif defined(__aarch64__)
StackCopy registers_of(const ucontext_t& context) {
  StackCopy out{};
  std::ranges::copy(context.uc_mcontext.regs, out.registers.begin());
  out.registers[31] = context.uc_mcontext.sp;
  out.pc = context.uc_mcontext.pc;
  return out;
}
constexpr size_t kFramePointer = 29;
constexpr size_t kStackPointer = 31;
#endif

// From the stack pointer on, as far as the stack goes.
__attribute__((no_sanitize("address"))) void copy_stack(Seen& seen, uint64_t from) {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  size_t size = 0;
  ASSERT_EQ(::pthread_getattr_np(::pthread_self(), &attributes), 0);
  ::pthread_attr_getstack(&attributes, &lowest, &size);
  ::pthread_attr_destroy(&attributes);
  const uint64_t end = reinterpret_cast<uint64_t>(lowest) + size;
  seen.bytes.resize(std::min<uint64_t>(kCopied, end - from));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a register had it
  const auto* at = reinterpret_cast<const uint8_t*>(from);
  for (size_t i = 0; i < seen.bytes.size(); i++) {
    seen.bytes[i] = at[i];
  }
  seen.copy.address = from;
  seen.copy.bytes = seen.bytes;
}

__attribute__((noipa)) int look(int depth) {
  ucontext_t context;
  ::getcontext(&context);
  Seen& seen = g_seen;
  seen.copy = registers_of(context);
  copy_stack(seen, seen.copy.registers[kStackPointer]);
  seen.walked = walk_stack(seen.copy, own_code().code(), own_code());
  return depth + 1;
}

#define SONDE_PLAIN_FRAME __attribute__((noipa, optimize("omit-frame-pointer")))

SONDE_PLAIN_FRAME int innermost(int depth) { return look(depth) * 3 + 1; }

SONDE_PLAIN_FRAME int with_locals(int depth) {
  volatile int room[100] = {};
  room[static_cast<size_t>(depth) % 100] = innermost(depth + 1);
  return room[3] + room[static_cast<size_t>(depth) % 100];
}

SONDE_PLAIN_FRAME int realigned(int depth) {
  alignas(64) volatile int room[32] = {};
  room[1] = with_locals(depth + 1);
  return room[1] + static_cast<int>(reinterpret_cast<uintptr_t>(&room) & 63);
}

SONDE_PLAIN_FRAME int of_any_size(int depth) {
  auto* room = static_cast<volatile char*>(__builtin_alloca(static_cast<size_t>(depth) * 64 + 64));
  room[0] = 1;
  return realigned(depth + 1) + room[0];
}

SONDE_PLAIN_FRAME int recursive(int left) {
  const int below = left == 0 ? of_any_size(5) : recursive(left - 1);
  asm volatile("" ::: "memory");  // else it is made a loop
  return below + 1;
}

// The function that a frame is in: of this file's, the last that begins at or below.
using Function = int (*)(int);
struct Named {
  const char* name;
  Function begin;
};

// Names of the frames that are of this file's functions, the innermost first. All of them must be
// near one another, so the end of one is not beyond this:
constexpr uint64_t kLongest = 1024;

std::vector<std::string> names(const WalkedStack& walked) {
  const std::array all = {Named{"innermost", innermost}, Named{"with_locals", with_locals},
                          Named{"realigned", realigned}, Named{"of_any_size", of_any_size},
                          Named{"recursive", recursive}, Named{"look", look}};
  std::vector<std::string> out;
  for (const uint64_t at : walked.frames) {
    const Named* best = nullptr;
    for (const Named& one : all) {
      const auto begin = reinterpret_cast<uint64_t>(one.begin);
      if (at >= begin && at - begin < kLongest &&
          (best == nullptr || begin > reinterpret_cast<uint64_t>(best->begin))) {
        best = &one;
      }
    }
    if (best != nullptr) {
      out.emplace_back(best->name);
    }
  }
  return out;
}

std::vector<std::string> first(std::vector<std::string> all, size_t n) {
  all.resize(std::min(all.size(), n));
  return all;
}

class StackWalkTest : public testing::Test {
 protected:
  void SetUp() override { own_code(); }
};

TEST_F(StackWalkTest, FunctionsWithoutFramePointers) {
  recursive(3);
  const WalkedStack& walked = g_seen.walked;
  EXPECT_EQ(
      first(names(walked), 9),
      (std::vector<std::string>{"look", "innermost", "with_locals", "realigned", "of_any_size",
                                "recursive", "recursive", "recursive", "recursive"}));
  EXPECT_EQ(walked.guessed, 0U);
  EXPECT_EQ(name_of(walked.end), "outermost");
}

TEST_F(StackWalkTest, AThreadOfItsOwnEndsAtItsOutermostFrame) {
  pthread_t thread{};
  ASSERT_EQ(::pthread_create(
                &thread, nullptr,
                [](void*) -> void* {
                  recursive(1);
                  return nullptr;
                },
                nullptr),
            0);
  ::pthread_join(thread, nullptr);
  EXPECT_EQ(first(names(g_seen.walked), 7),
            (std::vector<std::string>{"look", "innermost", "with_locals", "realigned",
                                      "of_any_size", "recursive", "recursive"}));
  EXPECT_EQ(name_of(g_seen.walked.end), "outermost");
}

volatile sig_atomic_t g_ready = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void on_signal(int) { g_ready = recursive(0) != 0 ? 1 : 0; }

SONDE_PLAIN_FRAME int interrupted(int depth) {
  ::raise(SIGUSR1);
  return depth + g_ready;
}

TEST_F(StackWalkTest, OverASignalsFrameIntoWhatItInterrupted) {
#if defined(__aarch64__)
  GTEST_SKIP() << "the kernel does not describe its signal frames there (docs/limits.md)";
#endif
  struct sigaction action{};
  action.sa_handler = on_signal;
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  interrupted(1);
  ::sigaction(SIGUSR1, &before, nullptr);
  const WalkedStack& walked = g_seen.walked;
  const auto in = [&](auto* function) {
    const auto begin = reinterpret_cast<uint64_t>(function);
    return std::ranges::any_of(walked.frames,
                               [&](uint64_t at) { return at >= begin && at - begin < 64; });
  };
  EXPECT_TRUE(in(on_signal));
  EXPECT_TRUE(in(interrupted));
  EXPECT_EQ(walked.guessed, 0U);
  EXPECT_EQ(name_of(walked.end), "outermost");
}

TEST_F(StackWalkTest, ACopyThatIsTooShortEndsThere) {
  recursive(3);
  StackCopy copy = g_seen.copy;
  const WalkedStack whole = g_seen.walked;
  for (size_t size = 0; size < copy.bytes.size(); size += size < 4096 ? 8 : 512) {
    copy.bytes = std::span(g_seen.bytes).first(size);
    const WalkedStack part = walk_stack(copy, own_code().code(), own_code());
    ASSERT_LE(part.frames.size(), whole.frames.size());
    ASSERT_TRUE(std::equal(part.frames.begin(), part.frames.end(), whole.frames.begin())) << size;
    ASSERT_TRUE(part.end == SONDE_STEP_unreadable || part.frames == whole.frames) << size;
  }
}

TEST_F(StackWalkTest, AnyWordsForAStackEnd) {
  recursive(3);
  StackCopy copy = g_seen.copy;
  std::vector<uint8_t> bytes = g_seen.bytes;
  copy.bytes = bytes;
  uint64_t random = 1;
  for (int round = 0; round < 2000; round++) {
    random = random * 6364136223846793005 + 1442695040888963407;
    const size_t at = (random >> 33) % (bytes.size() / 8) * 8;
    // Either a word of the stack's own, so that it looks likely, or nonsense.
    uint64_t value = copy.address + (random >> 17) % bytes.size();
    value = round % 3 == 0 ? random : round % 3 == 1 ? value & ~uint64_t{7} : copy.pc;
    std::memcpy(bytes.data() + at, &value, sizeof(value));
    const WalkedStack walked = walk_stack(copy, own_code().code(), own_code());
    ASSERT_LE(walked.frames.size(), kMaxWalkedFrames);
    ASSERT_LT(walked.end, SONDE_STEP_KINDS);
  }
}

// Stacks that nobody would find the end of.
TEST(StackWalk, ACircleIsBounded) {
  class Nothing : public RowSource {
   public:
    const RowsView* rows_of(uint32_t) override { return nullptr; }
  } nothing;
  constexpr uint64_t kCode = 0x40'0000;
  constexpr uint64_t kStack = 0x70'0000;
  constexpr size_t kFrames = 5000;
  const MappedCode code(
      {{.begin = kCode, .end = kCode + 16, .bias = 0, .file = SONDE_NO_FILE, .pad = 0}});
  std::vector<uint64_t> words;
  for (size_t i = 1; i <= kFrames; i++) {
    words.push_back(kStack + i * 16);
    words.push_back(kCode + 4);
  }
  StackCopy copy{};
  copy.pc = kCode;
  copy.registers[kFramePointer] = copy.registers[kStackPointer] = copy.address = kStack;
  copy.bytes = {reinterpret_cast<const uint8_t*>(words.data()), words.size() * 8};
  const WalkedStack walked = walk_stack(copy, code, nothing);
  EXPECT_EQ(walked.frames.size(), kMaxWalkedFrames);
  EXPECT_EQ(walked.guessed, kMaxWalkedFrames);
  EXPECT_EQ(name_of(walked.end), "too_deep");

  words[200] = kStack;  // back to the beginning
  EXPECT_EQ(walk_stack(copy, code, nothing).end, SONDE_STEP_no_rule);
}

}  // namespace
}  // namespace sonde
