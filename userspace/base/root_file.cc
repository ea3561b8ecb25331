// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/root_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace sonde {
namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
constexpr size_t kMaxPath = 4096;

// Name by name, no link followed. `path` has no leading slash.
int open_without_links(int root, std::string_view path) {
  Fd directory;
  int at = root;
  while (true) {
    const size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    if (name == "..") {
      errno = ELOOP;
      return -1;
    }
    if (slash == std::string_view::npos) {
      return ::openat(at, name.c_str(), kFlags | O_NOFOLLOW);
    }
    path.remove_prefix(slash + 1);
    if (name.empty()) {
      continue;
    }
    Fd next(::openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.ok()) {
      return -1;
    }
    directory = std::move(next);
    at = directory.get();
  }
}

}  // namespace

Result<Fd> open_in_root(int root, std::string_view path, LastLink last_link) {
  if (path.size() > kMaxPath || path.find('\0') != std::string_view::npos) {
    return fail("no path", ENAMETOOLONG);
  }
  while (path.starts_with('/')) {
    path.remove_prefix(1);
  }
  const std::string name(path);
  open_how how{};
  how.flags = static_cast<uint64_t>(kFlags | (last_link == LastLink::kRefuse ? O_NOFOLLOW : 0));
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  Fd file(static_cast<int>(::syscall(SYS_openat2, root, name.c_str(), &how, sizeof(how))));
  if (!file.ok() && (errno == ENOSYS || errno == EPERM)) {
    file = Fd(open_without_links(root, path));
  }
  if (!file.ok()) {
    return fail_errno("/" + name, errno);
  }
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) {
    return fail_errno("/" + name, errno);
  }
  if (!S_ISREG(facts.st_mode)) {
    return fail("/" + name + ": no regular file", EINVAL);
  }
  return file;
}

}  // namespace sonde
