// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/module_table.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <utility>

#include "userspace/inventory/build_id.h"

namespace sonde {
namespace {

ModuleKind kind_of(const Mapping& mapping) {
  if (mapping.file.inode != 0 || !mapping.build_id.empty()) {
    return mapping.path.starts_with('[') ? ModuleKind::kSpecial : ModuleKind::kFile;
  }
  // "[anon:...]" is a name that the process gave its own memory.
  return mapping.path.starts_with('[') && !mapping.path.starts_with("[anon") &&
                 mapping.path != "[heap]" && mapping.path != "[stack]"
             ? ModuleKind::kSpecial
             : ModuleKind::kCode;
}

// A regular file whose reading cannot be held up by whoever serves its file system. What is found
// is opened without being touched first: a path of a process may lead to a device.
bool may_be_read(int found, uint64_t inode) {
  struct stat facts{};
  struct statfs system{};
  return ::fstat(found, &facts) == 0 && S_ISREG(facts.st_mode) &&
         (inode == 0 || facts.st_ino == inode) && ::fstatfs(found, &system) == 0 &&
         system.f_type != FUSE_SUPER_MAGIC;
}

}  // namespace

ModuleTable::ModuleTable(std::string proc) : proc_(std::move(proc)) {
  modules_.push_back(
      {.kind = ModuleKind::kUnknown, .path = "[unknown]", .build_id = {}, .file = {}});
  modules_.push_back({.kind = ModuleKind::kKernel, .path = "[kernel]", .build_id = {}, .file = {}});
}

// The mapping itself leads to the file even if that has no name any more, but not everybody may
// follow it (CAP_CHECKPOINT_RESTORE); else by its path in the process's root; of one that is gone,
// in the host's or in ours.
Fd ModuleTable::open_file(Pid pid, const Mapping& mapping) const {
  const std::string process = fmt::format("{}/{}", proc_, static_cast<uint32_t>(pid));
  for (const std::string& path :
       {fmt::format("{}/map_files/{:x}-{:x}", process, mapping.start, mapping.end),
        fmt::format("{}/root{}", process, mapping.path),
        fmt::format("{}/1/root{}", proc_, mapping.path), mapping.path}) {
    const Fd found(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!found.ok() || !may_be_read(found.get(), mapping.file.inode)) {
      continue;
    }
    Fd file(::open(fmt::format("/proc/self/fd/{}", found.get()).c_str(), O_RDONLY | O_CLOEXEC));
    if (mapping.build_id.empty() || (file.ok() && read_build_id(file.get()) == mapping.build_id)) {
      return file;
    }
  }
  return {};
}

uint32_t ModuleTable::of(Pid pid, const Mapping& mapping) {
  const ModuleKind kind = kind_of(mapping);
  const bool own = kind == ModuleKind::kCode;
  if (kind == ModuleKind::kFile) {
    if (const auto found = by_build_id_.find(mapping.build_id); found != by_build_id_.end()) {
      return found->second;
    }
  }
  const Key key{kind, mapping.file, own ? std::string() : mapping.path,
                own ? static_cast<uint32_t>(pid) : 0};
  // Files without an identity are known by their build-id alone.
  const bool known_by_key = mapping.build_id.empty() || kind != ModuleKind::kFile;
  if (const auto found = numbers_.find(key); known_by_key && found != numbers_.end()) {
    return found->second;
  }
  if (modules_.size() >= kMaxModules) {
    return kUnknown;
  }
  Module module{.kind = kind,
                .path = own ? "[jit]" : mapping.path,
                .build_id = mapping.build_id,
                .file = {},
                .pid = pid};
  if (kind == ModuleKind::kFile && open_files_ < kMaxOpenFiles) {
    module.file = open_file(pid, mapping);
    if (module.file.ok() && module.build_id.empty()) {
      module.build_id = read_build_id(module.file.get());
      // The same build under another name or in another container.
      if (const auto found = by_build_id_.find(module.build_id); found != by_build_id_.end()) {
        numbers_.emplace(key, found->second);
        return found->second;
      }
    }
    open_files_ += module.file.ok() ? 1 : 0;
  }
  const auto number = static_cast<uint32_t>(modules_.size());
  if (kind == ModuleKind::kFile && !module.build_id.empty()) {
    by_build_id_.emplace(module.build_id, number);
  }
  if (known_by_key) {
    numbers_.emplace(key, number);
  }
  modules_.push_back(std::move(module));
  return number;
}

}  // namespace sonde
