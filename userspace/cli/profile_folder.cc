// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/profile_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "userspace/cli/output_file.h"

namespace sonde::cli {
namespace {

constexpr std::string_view kBegin = "profile-";
constexpr std::string_view kEnd = ".pb.gz";
constexpr const char* kUnfinished = ".profile.unfinished";
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kMostEntries = 1 << 20;  // looked at

struct Kept {
  std::string name;
  uint64_t bytes = 0;
};

bool is_ours(std::string_view name) {
  return name.size() > kBegin.size() + kEnd.size() && name.starts_with(kBegin) &&
         name.ends_with(kEnd);
}

// Those of a folder that are ours, the oldest first.
std::vector<Kept> kept_in(int folder) {
  std::vector<Kept> out;
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(own >= 0 ? ::fdopendir(own) : nullptr,
                                                    [](DIR* dir) { return ::closedir(dir); });
  if (entries == nullptr) {
    return out;
  }
  for (size_t i = 0; i < kMostEntries; ++i) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) {
      break;
    }
    struct stat facts{};
    if (is_ours(entry->d_name) &&
        ::fstatat(folder, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(facts.st_mode)) {
      out.push_back({entry->d_name, static_cast<uint64_t>(facts.st_size)});
    }
  }
  std::ranges::sort(out, {}, &Kept::name);  // which has its time in it
  return out;
}

}  // namespace

Result<ProfileFolder> ProfileFolder::open(const std::string& path, const FolderLimits& limits) {
  constexpr mode_t kRights = 0755;
  if (::mkdir(path.c_str(), kRights) != 0 && errno != EEXIST) {
    return fail_errno(path, errno);
  }
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) {
    return fail_errno(path, errno);
  }
  ProfileFolder out(std::move(folder), limits);
  if (auto tried = out.write("", ""); !tried) {
    return with_context(path, tried.error());
  }
  return out;
}

Result<> ProfileFolder::store(uint64_t wall_ns, std::string_view bytes) {
  const auto time = static_cast<time_t>(wall_ns / kSecondNs);
  const std::string name = fmt::format("{}{:%Y%m%dT%H%M%SZ}{}", kBegin, fmt::gmtime(time), kEnd);
  if (auto written = write(name, bytes); !written) {
    return written;
  }
  make_room();
  return {};
}

// Under its name only when it is whole; without a name it is a try.
Result<> ProfileFolder::write(const std::string& name, std::string_view bytes) {
  constexpr mode_t kRights = 0640;
  const int folder = folder_.get();
  (void)::unlinkat(folder, kUnfinished, 0);
  const Fd file(
      ::openat(folder, kUnfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kRights));
  if (!file.ok()) {
    return fail_errno("make a file", errno);
  }
  Result<> done = write_all(file, "write a profile", bytes);
  if (done && !name.empty() && ::fdatasync(file.get()) != 0) {
    done = fail_errno("write a profile", errno);
  }
  if (done && !name.empty() && ::renameat(folder, kUnfinished, folder, name.c_str()) != 0) {
    done = fail_errno("name a profile", errno);
  }
  if (!done || name.empty()) {
    (void)::unlinkat(folder, kUnfinished, 0);
  }
  return done;
}

void ProfileFolder::make_room() {
  const std::vector<Kept> kept = kept_in(folder_.get());
  uint64_t bytes = 0;
  for (const Kept& each : kept) {
    bytes += each.bytes;
  }
  uint64_t files = kept.size();
  for (const Kept& each : kept) {
    if (files <= 1 || (files <= limits_.files && bytes <= limits_.bytes)) {
      return;
    }
    if (::unlinkat(folder_.get(), each.name.c_str(), 0) == 0) {
      files--;
      bytes -= each.bytes;
    }
  }
}

}  // namespace sonde::cli
