// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/debug_file.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "symbolizer/symbols/debug_link.h"
#include "userspace/base/root_file.h"

namespace sonde {

DebugFile find_debug_file(const ElfFile& file, std::string_view path, std::span<const int> roots) {
  const auto link = read_debug_link(file.source());
  const auto paths = debug_file_paths(path, file.build_id(), link);
  for (const int root : roots) {
    for (const std::string& each : paths) {
      auto found = open_in_root(root, each, LastLink::kFollow);
      struct stat facts{};
      struct statfs system{};
      if (!found || ::fstat(found->get(), &facts) != 0 || facts.st_size <= 0 ||
          ::fstatfs(found->get(), &system) != 0 || system.f_type == FUSE_SUPER_MAGIC) {
        continue;
      }
      const auto size = static_cast<uint64_t>(facts.st_size);
      if (is_debug_file_of(file, link, ByteSource::of_file(found->get(), size))) {
        return {.file = *std::move(found), .size = size};
      }
    }
  }
  return {};
}

}  // namespace sonde
