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
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <span>

#include "symbolizer/store/store.h"
#include "symbolizer/symbols/debug_file.h"
#include "userspace/base/clock.h"
#include "userspace/confine/capabilities.h"
#include "userspace/extraction/makers.h"
#include "userspace/extraction/message.h"

namespace sonde::extraction {
namespace {

constexpr uint32_t kFinderSeconds = 10;
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

class Service {
 public:
  explicit Service(const ServiceOptions& options) {
    if (auto store = Store::open(options.folder, options.max_bytes)) {
      store_.emplace(*std::move(store));
    } else {
      why_not_kept_ = store.error().what;
    }
    host_root_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  // Empty: tables are kept.
  const std::string& why_not_kept() const { return why_not_kept_; }

  // The table, and whether it had to be made.
  Result<std::pair<Fd, Answer>> answer(const Message& request) const {
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
      return fail("no request that is understood");
    }
    const Fd separate = find_separate(
        file, *facts, text.substr(end + 1), request.files[1],
        seconds != 0 ? std::min(seconds, kFinderSeconds) : kFinderSeconds, seconds == 0);
    const auto separate_facts = facts_of(separate);
    const std::string name = name_of(text.substr(0, end), *facts, separate_facts, maker->ending);
    if (Fd kept = store_ && !anew ? store_->find(name) : Fd(); kept.ok()) {
      return std::pair(std::move(kept), Answer::kFound);
    }
    WorkerLimits limits = maker->limits;
    if (seconds != 0) {
      limits.seconds = std::min(limits.seconds, left_of(seconds, began));
      limits.last = false;  // somebody waits, but not for long: on a busy machine the last is late
    }
    const auto write = [&](int out) -> Result<> {
      const auto done = in_worker(limits, [&]() -> Result<Fd> {
        give_up_everything();
        const Result<> written = maker->make(
            to_read(file, *facts),
            separate_facts ? std::optional(to_read(separate, *separate_facts)) : std::nullopt, out);
        return written ? Result<Fd>(Fd()) : std::unexpected(written.error());
      });
      return done ? Result<>() : std::unexpected(done.error());
    };
    const auto write_in_memory = [&](int out) {
      limits.file = std::min(limits.file, kMostInMemory);
      return write(out);
    };
    auto made = store_ ? store_->put(name, write) : put_in_memory(write_in_memory);
    if (!made && store_ && is_for_want_of_room(made.error())) {
      made = put_in_memory(write_in_memory);
    }
    if (!made) {
      return std::unexpected(made.error());
    }
    return std::pair(*std::move(made), Answer::kMade);
  }

 private:
  // None: it has symbols of its own, or nobody has them.
  Fd find_separate(const Fd& file, const struct stat& facts, std::string_view path, const Fd& root,
                   uint32_t seconds, bool last) const {
    auto found = in_worker({.seconds = seconds, .last = last}, [&]() -> Result<Fd> {
      const auto elf = ElfFile::open(to_read(file, facts).bytes());
      if (!elf) {
        return std::unexpected(elf.error());
      }
      const int roots[] = {root.get(), host_root_.get()};
      const std::span<const int> all(roots);
      return find_debug_file(*elf, path, root.ok() ? all : all.subspan(1)).file;
    });
    return found ? *std::move(found) : Fd();
  }

  std::optional<Store> store_;
  std::string why_not_kept_;
  Fd host_root_;
};

// What the process has of its parent that it does not need. It lives as long as the socket: a
// signal to all processes of a terminal or a unit ends its parent, and that ends it.
void be_service(int socket) {
  constexpr confine::CapabilitySet kKept = confine::capability(CAP_DAC_READ_SEARCH);
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
  (void)confine::keep_only(kKept);
}

}  // namespace

void serve(int socket, const ServiceOptions& options) {
  be_service(socket);
  const Service service(options);
  send(socket, 0, service.why_not_kept());
  while (const auto request = receive(socket, -1)) {
    const auto done = service.answer(*request);
    const auto kind = static_cast<uint32_t>(done ? done->second : Answer::kFailed);
    if (!send(socket, kind, done ? std::string_view() : done.error().what,
              {done ? done->first.get() : -1, -1})) {
      break;
    }
  }
  ::_exit(EXIT_SUCCESS);
}

}  // namespace sonde::extraction
