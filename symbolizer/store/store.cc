// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <tuple>

namespace sonde {
namespace {

constexpr size_t kMaxName = 200;
constexpr std::string_view kDraft = ".XXXXXX";  // behind a name, while its file is written

bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool is_draft(std::string_view name) {
  return name.size() > kDraft.size() && name[name.size() - kDraft.size()] == '.' &&
         is_plain(name.substr(name.size() - kDraft.size() + 1)) &&
         Store::is_name(name.substr(0, name.size() - kDraft.size()));
}

// The folders above ours, as they are usually made.
void make_parents(const std::string& path) {
  constexpr mode_t kRights = 0755;
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    ::mkdir(path.substr(0, at).c_str(), kRights);  // opening tells whether they are there
  }
}

struct Kept {
  timespec used;
  uint64_t size;
  std::string name;
};

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// What is in the folder by our names; an unfinished file that nobody finishes is removed.
std::vector<Kept> files_of(int folder) {
  std::vector<Kept> out;
  const int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseFolder> list(again >= 0 ? ::fdopendir(again) : nullptr);
  if (list == nullptr) {
    return out;
  }
  const time_t now = ::time(nullptr);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
  while (const dirent* entry = ::readdir(list.get())) {
    const std::string_view name = entry->d_name;
    struct stat facts{};
    if ((!Store::is_name(name) && !is_draft(name)) ||
        ::fstatat(folder, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    if (Store::is_name(name)) {
      out.push_back({facts.st_mtim, static_cast<uint64_t>(facts.st_size), std::string(name)});
    } else if (now - facts.st_mtim.tv_sec > Store::kDraftSeconds) {
      ::unlinkat(folder, entry->d_name, 0);
    }
  }
  return out;
}

}  // namespace

std::string Store::default_path() {
  if (::geteuid() == 0) {
    return "/var/cache/sonde";
  }
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets them
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  if (cache != nullptr && cache[0] == '/') {
    return std::string(cache) + "/sonde";
  }
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/sonde" : std::string();
}

Result<Store> Store::open(const std::string& path, uint64_t max_bytes) {
  constexpr mode_t kRights = 0700;
  constexpr mode_t kOthersWrite = 0022;
  if (!path.starts_with('/')) {
    return fail("a folder to keep tables in needs an absolute path");
  }
  const std::string whole = path.substr(0, path.find_last_not_of('/') + 1);
  make_parents(whole);
  if (::mkdir(whole.c_str(), kRights) != 0 && errno != EEXIST) {
    return fail_errno("make the folder " + whole, errno);
  }
  Fd folder(::open(whole.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts{};
  if (!folder.ok() || ::fstat(folder.get(), &facts) != 0) {
    return fail_errno("open the folder " + whole, errno);
  }
  if (facts.st_uid != ::geteuid()) {
    return fail("the folder " + whole + " belongs to somebody else");
  }
  if ((facts.st_mode & kOthersWrite) != 0) {
    return fail("others may write to the folder " + whole);
  }
  Store store(std::move(folder), max_bytes);
  store.make_room();
  return store;
}

bool Store::is_name(std::string_view name) {
  const size_t dot = name.find('.');
  return name.size() <= kMaxName && dot != std::string_view::npos &&
         is_plain(name.substr(0, dot)) && is_plain(name.substr(dot + 1));
}

Fd Store::find(std::string_view name) const {
  if (!is_name(name)) {
    return {};
  }
  const std::string path(name);
  Fd file(::openat(folder_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (!file.ok() || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return {};
  }
  ::futimens(file.get(), nullptr);  // used now; a folder that is read only keeps nothing up
  return file;
}

std::vector<std::string> Store::names(std::string_view beginning) const {
  std::vector<Kept> files = files_of(folder_.get());
  std::erase_if(files, [&](const Kept& file) { return !file.name.starts_with(beginning); });
  std::ranges::sort(files, std::greater<>(), &Kept::size);
  std::vector<std::string> out;
  out.reserve(files.size());
  for (Kept& file : files) {
    out.push_back(std::move(file.name));
  }
  return out;
}

Result<Fd> Store::put(std::string_view name, const Writer& write) const {
  if (!is_name(name)) {
    return fail("no name for what is kept: " + std::string(name));
  }
  const std::string path = path_of(name);
  std::string draft = path + std::string(kDraft);
  const Fd file(::mkostemp(draft.data(), O_CLOEXEC));
  if (!file.ok()) {
    return fail_errno("make a file to keep", errno);
  }
  const auto give_up = [&](std::unexpected<Error> why) {
    ::unlink(draft.c_str());
    return why;
  };
  if (Result<> written = write(file.get()); !written) {
    return give_up(std::unexpected(written.error()));
  }
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) {
    return give_up(fail_errno("look at a file to keep", errno));
  }
  if (static_cast<uint64_t>(facts.st_size) > max_bytes_) {
    return give_up(fail("more than may be kept in all", EFBIG));
  }
  Fd out(::open(draft.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!out.ok() || ::rename(draft.c_str(), path.c_str()) != 0) {
    return give_up(fail_errno("keep a file", errno));
  }
  make_room();
  return out;
}

// By the descriptor: whoever moves a folder above ours moves nothing under our hands.
std::string Store::path_of(std::string_view name) const {
  return fmt::format("/proc/self/fd/{}/{}", folder_.get(), name);
}

void Store::make_room() const {
  std::vector<Kept> files = files_of(folder_.get());
  std::ranges::sort(files, [](const Kept& a, const Kept& b) {  // the youngest first
    return std::tuple(a.used.tv_sec, a.used.tv_nsec) > std::tuple(b.used.tv_sec, b.used.tv_nsec);
  });
  uint64_t bytes = 0;
  size_t count = 0;
  for (const Kept& file : files) {
    bytes += std::min(file.size, max_bytes_ + 1);
    if (bytes > max_bytes_ || ++count > kMaxFiles) {
      ::unlinkat(folder_.get(), file.name.c_str(), 0);
    }
  }
}

}  // namespace sonde
