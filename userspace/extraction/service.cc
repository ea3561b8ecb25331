// SPDX-License-Identifier: Apache-2.0
#include "userspace/extraction/service.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <span>

#include "symbolizer/store/store.h"
#include "symbolizer/symbols/debug_file.h"
#include "symbolizer/symbols/debug_link.h"
#include "symbolizer/symbols/lacking.h"
#include "userspace/base/clock.h"
#include "userspace/confine/call_filter.h"
#include "userspace/confine/capabilities.h"
#include "userspace/extraction/debug_files.h"
#include "userspace/extraction/makers.h"
#include "userspace/extraction/message.h"

namespace sonde::extraction {
namespace {

constexpr uint32_t kFinderSeconds = 10;
constexpr uint32_t kCheckerSeconds = 5;
constexpr uint64_t kSecondNs = 1'000'000'000;
// Of a file in memory: what is unpacked while a table is made counts with it.
constexpr uint64_t kMostInMemory = uint64_t{384} << 20;

std::optional<struct stat> facts_of(const Fd& file) {
  struct stat facts{};
  if (!file.ok() || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
      facts.st_size <= 0) {
    return std::nullopt;
  }
  return facts;
}

FileToRead to_read(const Fd& file, const struct stat& facts) {
  return {.fd = file.get(), .size = static_cast<uint64_t>(facts.st_size)};
}

// What is written where nothing is kept: to be read by whoever has it, changed by nobody.
Result<Fd> put_in_memory(const Store::Writer& write) {
  const Fd file(::memfd_create("sonde-table", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.ok()) {
    return fail_errno("make a table in memory", errno);
  }
  if (Result<> written = write(file.get()); !written) {
    return std::unexpected(written.error());
  }
  Fd out(::open(fmt::format("/proc/self/fd/{}", file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!out.ok() ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return fail_errno("seal a table in memory", errno);
  }
  return out;
}

// Nothing is wrong with the file, but with where its table was to be kept.
bool is_for_want_of_room(const Error& error) {
  constexpr int kReasons[] = {ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EIO, EFBIG, EMFILE};
  return std::ranges::find(kReasons, error.code) != std::end(kReasons);
}

bool is_build_id(std::string_view text) {
  return text.size() > 2 && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Which table it is: of which build, of whose file - anybody can write a file with the build-id of
// another -, how large, since a stripped one has fewer names, and which separate file its symbols
// are from, which may come and go.
std::string name_of(std::string_view build_id, const struct stat& file,
                    const std::optional<struct stat>& separate, std::string_view ending) {
  std::string out = is_build_id(build_id)
                        ? fmt::format("{}-{}-{:x}", build_id, file.st_uid, file.st_size)
                        : fmt::format("f-{:x}-{:x}-{:x}-{:x}-{:x}", file.st_dev, file.st_ino,
                                      file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
  if (separate) {
    out += fmt::format("-{:x}-{:x}-{:x}-{:x}", separate->st_dev, separate->st_ino,
                       separate->st_mtim.tv_sec, separate->st_mtim.tv_nsec);
  }
  return fmt::format("{}.{}", out, ending);
}

// At least one: what is nearly done may end.
uint32_t left_of(uint32_t seconds, uint64_t began_ns) {
  const uint64_t passed = (monotonic_ns() - began_ns) / kSecondNs;
  return static_cast<uint32_t>(passed < seconds ? seconds - passed : 1);
}

// With a separate file that a server gave, which there is but one of.
std::string name_with_fetched(std::string_view build_id, const struct stat& file,
                              std::string_view ending) {
  return fmt::format("{}-{}-{:x}-fetched.{}", build_id, file.st_uid, file.st_size, ending);
}

// What a table is made of beside its file.
struct Separate {
  Fd file;
  bool lacks = false;    // the file does not say by itself what the table is of
  bool fetched = false;  // a server gave it
};

struct Answered {
  Result<Fd> table;
  Answer how = Answer::kFailed;
  Fetch fetch = Fetch::kNotAsked;
  std::string why_not_fetched;
};

class Service {
 public:
  // Starts another process, if servers may be asked.
  explicit Service(const ServiceOptions& options) {
    if (auto store = Store::open(options.folder, options.max_bytes)) {
      store_.emplace(*std::move(store));
    } else {
      why_not_kept_ = store.error().what;
    }
    host_root_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (options.fetch.servers.empty()) {
      return;
    }
    if (auto started = store_ ? DebugFiles::start(options.folder, options.fetch)
                              : fail("there is no place to keep them")) {
      debug_files_.emplace(*std::move(started));
    } else {
      why_not_fetched_ = started.error().what;
    }
  }

  // Empty: tables are kept.
  const std::string& why_not_kept() const { return why_not_kept_; }
  // Empty: servers are asked, if they may be.
  const std::string& why_not_fetched() const { return why_not_fetched_; }

  // owner: who waits for it.
  Answered answer(const Message& request, int owner) {
    const auto kind = static_cast<TableKind>(request.kind & 0xff);
    const bool anew = (request.kind & 0x100) != 0;
    const uint32_t seconds = request.kind >> 16;
    const uint64_t began = monotonic_ns();
    const Maker* maker = maker_of(kind);
    const std::string_view text = request.text;
    const size_t end = text.find('\0');
    const Fd& file = request.files[0];
    const auto facts = facts_of(file);
    if (maker == nullptr || end == std::string_view::npos || !facts) {
      return {.table = fail("no request that is understood"), .why_not_fetched = {}};
    }
    const std::string build_id(text.substr(0, end));
    const auto kept = [&](const std::string& name) {
      return store_ && !anew ? store_->find(name) : Fd();
    };
    Answered out{.table = Fd(), .why_not_fetched = {}};
    Separate separate = find_separate(
        file, *facts, text.substr(end + 1), request.files[1],
        {.seconds = seconds != 0 ? std::min(seconds, kFinderSeconds) : kFinderSeconds},
        maker->lacks);
    if (!separate.file.ok() && separate.lacks && is_build_id(build_id)) {
      if (Fd table = kept(name_with_fetched(build_id, *facts, maker->ending)); table.ok()) {
        return {.table = std::move(table), .how = Answer::kFound, .why_not_fetched = {}};
      }
      // Who has little time takes what was fetched for others.
      fetch(build_id, file, *facts, seconds == 0 ? std::optional(owner) : std::nullopt, separate,
            out);
    }
    const auto separate_facts = facts_of(separate.file);
    const std::string name = separate.fetched
                                 ? name_with_fetched(build_id, *facts, maker->ending)
                                 : name_of(build_id, *facts, separate_facts, maker->ending);
    if (Fd table = kept(name); table.ok()) {
      out.table = std::move(table);
      out.how = Answer::kFound;
      return out;
    }
    WorkerLimits limits = maker->limits;
    if (seconds != 0) {
      limits.seconds = std::min(limits.seconds, left_of(seconds, began));
    }
    const auto write = [&](int to) -> Result<> {
      const auto done = in_worker(limits, [&]() -> Result<Fd> {
        give_up_everything();
        const Result<> written = maker->make(
            to_read(file, *facts),
            separate_facts ? std::optional(to_read(separate.file, *separate_facts)) : std::nullopt,
            to);
        return written ? Result<Fd>(Fd()) : std::unexpected(written.error());
      });
      return done ? Result<>() : std::unexpected(done.error());
    };
    const auto write_in_memory = [&](int to) {
      limits.file = std::min(limits.file, kMostInMemory);
      return write(to);
    };
    out.table = store_ ? store_->put(name, write) : put_in_memory(write_in_memory);
    if (!out.table && store_ && is_for_want_of_room(out.table.error())) {
      out.table = put_in_memory(write_in_memory);
    }
    out.how = out.table ? Answer::kMade : Answer::kFailed;
    return out;
  }

 private:
  // Whatever the file is: nobody else is asked for what cannot be read.
  Separate find_separate(const Fd& file, const struct stat& facts, std::string_view path,
                         const Fd& root, const WorkerLimits& limits,
                         bool (*lacks)(ByteSource)) const {
    auto found = in_worker(limits, [&]() -> Result<Fd> {
      const auto elf = ElfFile::open(to_read(file, facts).bytes());
      if (!elf) {
        return std::unexpected(elf.error());
      }
      const int roots[] = {root.get(), host_root_.get()};
      const std::span<const int> all(roots);
      Fd debug = find_debug_file(*elf, path, root.ok() ? all : all.subspan(1)).file;
      return debug.ok() || lacks(elf->source()) ? Result<Fd>(std::move(debug))
                                                : fail("it lacks nothing");
    });
    const bool lacks_some = found.has_value();
    return {.file = lacks_some ? *std::move(found) : Fd(), .lacks = lacks_some};
  }

  // owner: who waits until it came; none: what is kept must do.
  void fetch(const std::string& build_id, const Fd& file, const struct stat& facts,
             std::optional<int> owner, Separate& separate, Answered& out) {
    if (!debug_files_) {
      return;
    }
    auto sought = debug_files_->find(build_id, owner, [&](const Fd& fetched) {
      const auto fetched_facts = facts_of(fetched);
      return fetched_facts && in_worker({.seconds = kCheckerSeconds}, [&]() -> Result<Fd> {
               give_up_everything();
               const auto elf = ElfFile::open(to_read(file, facts).bytes());
               const ByteSource bytes = to_read(fetched, *fetched_facts).bytes();
               return elf && elf->build_id() == build_id && is_debug_file_of(*elf, {}, bytes) &&
                              !(lacks_names(bytes) && lacks_lines(bytes))
                          ? Result<Fd>(Fd())
                          : fail("of another build");
             });
    });
    separate.fetched = sought.file.ok();
    separate.file = std::move(sought.file);
    out.fetch = sought.what;
    out.why_not_fetched = std::move(sought.why);
  }

  std::optional<Store> store_;
  std::string why_not_kept_;
  std::optional<DebugFiles> debug_files_;
  std::string why_not_fetched_;
  Fd host_root_;
};

// What the process has of its parent that it does not need. It lives as long as the socket: a
// signal to all processes of a terminal or a unit ends its parent, and that ends it.
void be_service(int socket) {
  ::prctl(PR_SET_NAME, "sonde-tables");
  const auto own = static_cast<unsigned>(socket);
  ::syscall(SYS_close_range, STDERR_FILENO + 1u, own - 1, 0);
  ::syscall(SYS_close_range, own + 1, ~0u, 0);
  // A pipe that its parent writes to does not stay open by it.
  if (const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC); nowhere >= 0) {
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    ::close(nowhere);
  }
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    ::signal(each, SIG_IGN);
  }
}

// It starts workers and ends them, and keeps what they write.
bool makes_tables(const confine::CallRule& rule) {
  constexpr std::array<std::string_view, 15> kNeeded = {
      "clone",  "fork",   "vfork",    "kill",   "tgkill",   "setpriority", "socketpair",  "open",
      "openat", "rename", "renameat", "unlink", "unlinkat", "utimensat",   "memfd_create"};
  return std::ranges::find(kNeeded, rule.name) != kNeeded.end();
}

// What this kernel cannot hold it to is left out.
void confine_service() {
  constexpr confine::CapabilitySet kKept = confine::capability(CAP_DAC_READ_SEARCH);
  (void)confine::keep_only(kKept);
  (void)confine::filter_calls(makes_tables);
}

}  // namespace

void serve(int socket, const ServiceOptions& options) {
  be_service(socket);
  Service service(options);
  confine_service();
  send(socket, 0, service.why_not_kept() + '\0' + service.why_not_fetched());
  while (const auto request = receive(socket, -1)) {
    const Answered done = service.answer(*request, socket);
    const auto kind = static_cast<uint32_t>(done.how) | static_cast<uint32_t>(done.fetch) << 8;
    const std::string why = done.table ? "" : done.table.error().what;
    if (!send(socket, kind, why + '\0' + done.why_not_fetched,
              {done.table ? done.table->get() : -1, -1})) {
      break;
    }
  }
  ::_exit(EXIT_SUCCESS);
}

}  // namespace sonde::extraction
