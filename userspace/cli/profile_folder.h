// SPDX-License-Identifier: Apache-2.0
// ProfileFolder: a folder of profiles, one file each, whole or not there; the oldest give way.
// Files that have other names are left alone. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde::cli {

struct FolderLimits {
  uint64_t files = 1440;
  uint64_t bytes = uint64_t{1} << 30;  // of all of them; the newest stays in any case
};

class ProfileFolder {
 public:
  // Made if it is not there. Fails if no file can be made in it.
  static Result<ProfileFolder> open(const std::string& path, const FolderLimits& limits);

  // "profile-20261127T150405Z.pb.gz", by the time that it is of. Makes room afterwards.
  Result<> store(uint64_t wall_ns, std::string_view bytes);

 private:
  ProfileFolder(Fd folder, const FolderLimits& limits)
      : folder_(std::move(folder)), limits_(limits) {}
  Result<> write(const std::string& name, std::string_view bytes);
  void make_room();

  Fd folder_;
  FolderLimits limits_;
};

}  // namespace sonde::cli
