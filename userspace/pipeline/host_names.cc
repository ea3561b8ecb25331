// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/host_names.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <utility>

#include "symbolizer/symbols/demangle.h"
#include "symbolizer/symbols/elf_functions.h"
#include "userspace/base/log.h"
#include "userspace/pipeline/module_bytes.h"
#include "userspace/pipeline/module_tables.h"

namespace sonde {
namespace {

std::optional<FileSymbols> read_symbols(const Module& module, Extractor* extractor) {
  auto symbols = extractor != nullptr ? symbols_of(module, *extractor) : fail("nobody reads files");
  if (!symbols) {
    log::debug("no names of {}: {}", module.path, symbols.error().what);
    return std::nullopt;
  }
  return *std::move(symbols);
}

// The runtime maps it so that it can be found.
bool is_jit_dump(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with("jit-") && path.ends_with(".dump");
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

std::string HostNames::of_vdso(const Module& module, uint64_t offset) {
  if (!vdso_read_) {
    vdso_read_ = true;
    const auto bytes = bytes_of(module);
    auto functions = bytes ? read_functions(*bytes) : fail("no object of the kernel's");
    vdso_bytes_ = functions ? SymbolTable::encode(*std::move(functions)) : std::string();
    if (auto table = SymbolTable::over(vdso_bytes_)) {
      vdso_ = *table;
    }
  }
  const auto found = vdso_ ? vdso_->find(offset) : std::nullopt;
  return found ? std::string(found->name) : std::string();
}

std::string HostNames::of_file(const Module& module, uint64_t offset) {
  auto at = tables_.find(&module);
  if (at == tables_.end()) {
    if (tables_.size() >= kMaxTables) {
      forget();
    }
    at = tables_.emplace(&module, read_symbols(module, extractor_)).first;
  }
  const auto& table = at->second;
  const auto found = table ? (*table)->find(offset) : std::nullopt;
  if (!found) {
    return {};
  }
  return form_ == NameForm::kWritten ? written(found->name) : std::string(found->name);
}

const std::string& HostNames::written(std::string_view linked) {
  if (const auto known = written_.find(linked.data()); known != written_.end()) {
    return known->second;
  }
  if (written_bytes_ > kMaxWritten) {
    written_.clear();
    written_bytes_ = 0;
  }
  const std::string& name = written_.emplace(linked.data(), demangle(linked)).first->second;
  written_bytes_ += name.size() + sizeof(*written_.begin());
  return name;
}

HostNames::MadeCode HostNames::read_made_code(Pid pid) {
  MadeCode out;
  const std::string path = fmt::format("/proc/{}", static_cast<uint32_t>(pid));
  const Fd proc(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.ok()) {
    return out;
  }
  if (auto map = PerfMap::open(proc.get()); map && map->refresh()) {
    out.map = *std::move(map);
  }
  const auto mappings = read_mappings(pid);
  for (const Mapping& each : mappings ? mappings->all() : std::vector<Mapping>()) {
    if (is_jit_dump(each.path) && !out.dump) {
      if (auto dump = JitDump::open(proc.get(), each.path); dump && dump->refresh()) {
        out.dump = *std::move(dump);
      }
    }
  }
  return out;
}

std::string HostNames::of_code(Pid pid, uint64_t address) {
  auto at = made_.find(pid);
  if (at == made_.end()) {
    if (made_.size() >= kMaxCodes) {
      made_.clear();
    }
    at = made_.emplace(pid, read_made_code(pid)).first;
  }
  const MadeCode& made = at->second;
  auto found = made.map ? made.map->code().find(address) : std::nullopt;
  if (!found && made.dump) {
    found = made.dump->records().code().find(address);
  }
  return found ? std::string(found->name) : std::string();
}

std::string HostNames::name(const Module& module, uint64_t offset) {
  switch (module.kind) {
    case ModuleKind::kKernel:
      return of_kernel(offset);
    case ModuleKind::kFile:
      return of_file(module, offset);
    case ModuleKind::kSpecial:
      return module.path == "[vdso]" ? of_vdso(module, offset) : std::string();
    case ModuleKind::kCode:
      return of_code(module.pid, offset);
    case ModuleKind::kUnknown:
      break;
  }
  return {};
}

}  // namespace sonde
