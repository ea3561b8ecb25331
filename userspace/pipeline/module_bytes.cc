// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/module_bytes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace sonde {
namespace {

// The kernel's own object in every process: ours is the same.
std::optional<ByteSource> own_vdso() {
  static const auto own = read_mappings(Pid{static_cast<uint32_t>(::getpid())});
  if (!own) {
    return std::nullopt;
  }
  const auto found = std::ranges::find(own->all(), "[vdso]", &Mapping::path);
  if (found == own->all().end()) {
    return std::nullopt;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells it as a number
  const auto* bytes = reinterpret_cast<const uint8_t*>(found->start);
  return ByteSource::of_memory({bytes, found->end - found->start});
}

}  // namespace

std::optional<ByteSource> bytes_of(const Module& module) {
  if (module.kind == ModuleKind::kSpecial) {
    return module.path == "[vdso]" ? own_vdso() : std::nullopt;
  }
  struct stat facts{};
  if (!module.file.ok() || ::fstat(module.file.get(), &facts) != 0 || facts.st_size <= 0) {
    return std::nullopt;
  }
  return ByteSource::of_file(module.file.get(), static_cast<uint64_t>(facts.st_size));
}

}  // namespace sonde
