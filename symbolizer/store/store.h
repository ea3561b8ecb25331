// SPDX-License-Identifier: Apache-2.0
// Store: the folder of what is made once for each build and used by every run: tables of symbols,
// rows of unwinding. It belongs to this user and nobody else may write there, so that what is
// mapped out of it is not cut under a reader. What was used longest ago goes when there is too
// much. Several processes may use one folder at once; one object is for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde {

class Store {
 public:
  static constexpr uint64_t kDefaultBytes = 256u << 20;  // of all files together
  static constexpr size_t kMaxFiles = 65'536;
  static constexpr int64_t kDraftSeconds =
      3600;  // a file unfinished for so long is a dead writer's

  // Writes into an empty file.
  using Writer = std::function<Result<>(int file)>;

  // /var/cache/sonde for root, else sonde in XDG_CACHE_HOME or in ~/.cache. Empty: there is no
  // place.
  static std::string default_path();

  // Makes the folder if there is none. Refuses one that belongs to somebody else, that others may
  // write to, or that is a link.
  static Result<Store> open(const std::string& path, uint64_t max_bytes = kDefaultBytes);

  // Names are letters, digits, '-' and '_', then one dot and the kind: "c0ffee-0.sym".
  static bool is_name(std::string_view name);

  // The file by this name, to be read; marks it as used. None: it is not there.
  Fd find(std::string_view name) const;

  // What is kept whose name begins so, the largest first. Marks nothing as used.
  std::vector<std::string> names(std::string_view beginning) const;

  // Has the file written, then puts it in the place of an older one, and gives it to be read.
  Result<Fd> put(std::string_view name, const Writer& write) const;

  // For who writes by path: a file at path_of(name) that was renamed to there from beside it, as
  // "NAME.XXXXXX", is in the store as if put. make_room() is then to be called.
  std::string path_of(std::string_view name) const;

  // Removes what was used longest ago until the rest fits, and what dead writers left.
  void make_room() const;

 private:
  Store(Fd folder, uint64_t max_bytes) : folder_(std::move(folder)), max_bytes_(max_bytes) {}

  Fd folder_;
  uint64_t max_bytes_;
};

}  // namespace sonde
