// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/host_names.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "symbolizer/symbols/demangle.h"
#include "symbolizer/symbols/elf_functions.h"
#include "userspace/base/log.h"

namespace sonde {
namespace {

// The kernel's own object in every process: ours is the same.
std::optional<ByteSource> own_vdso() {
  const auto own = read_mappings(Pid{static_cast<uint32_t>(::getpid())});
  if (!own) {
    return std::nullopt;
  }
  const auto found = std::ranges::find(own->all(), "[vdso]", &Mapping::path);
  if (found == own->all().end()) {
    return std::nullopt;
  }
  return ByteSource::of_memory(
      {reinterpret_cast<const uint8_t*>(found->start), found->end - found->start});
}

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

}  // namespace

std::string HostNames::of_kernel(uint64_t address) {
  if (!kernel_read_) {
    kernel_read_ = true;
    if (auto read = kallsyms_ < 0 ? KernelSymbols::read() : KernelSymbols::read(kallsyms_)) {
      kernel_ = *std::move(read);
    } else {
      log::warn("the kernel's functions have no names: {}", read.error().what);
    }
  }
  const auto found = kernel_ ? kernel_->find(address) : std::nullopt;
  return found ? std::string(found->name) : std::string();
}

std::string HostNames::of_file(const Module& module, uint64_t offset) {
  if (held_ != &module) {
    held_ = &module;
    table_.reset();
    table_bytes_.clear();
    const auto bytes = bytes_of(module);
    auto functions = bytes ? read_functions(*bytes) : fail("no file");
    if (functions && !functions->empty()) {
      table_bytes_ = SymbolTable::encode(*std::move(functions));
      if (auto table = SymbolTable::over(table_bytes_)) {
        table_ = *table;
      }
    }
  }
  const auto found = table_ ? table_->find(offset) : std::nullopt;
  return found ? demangle(found->name) : std::string();
}

std::string HostNames::of_code(Pid pid, uint64_t address) {
  auto at = perf_maps_.find(pid);
  if (at == perf_maps_.end()) {
    if (perf_maps_.size() >= kMaxPerfMaps) {
      perf_maps_.clear();
    }
    std::optional<PerfMap> map;
    const std::string path = fmt::format("/proc/{}", static_cast<uint32_t>(pid));
    if (const Fd proc(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); proc.ok()) {
      if (auto opened = PerfMap::open(proc.get()); opened && opened->refresh()) {
        map = *std::move(opened);
      }
    }
    at = perf_maps_.emplace(pid, std::move(map)).first;
  }
  const auto found = at->second ? at->second->code().find(address) : std::nullopt;
  return found ? std::string(found->name) : std::string();
}

std::string HostNames::name(const Module& module, uint64_t offset) {
  switch (module.kind) {
    case ModuleKind::kKernel:
      return of_kernel(offset);
    case ModuleKind::kFile:
    case ModuleKind::kSpecial:
      return of_file(module, offset);
    case ModuleKind::kCode:
      return of_code(module.pid, offset);
    case ModuleKind::kUnknown:
      break;
  }
  return {};
}

}  // namespace sonde
