// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/module_rows.h"

#include <sys/stat.h>

#include <algorithm>

#include "symbolizer/symbols/go_rows.h"
#include "userspace/base/log.h"
#include "userspace/pipeline/module_bytes.h"
#include "userspace/pipeline/trampolines.h"

namespace sonde {

ModuleRows::Known& ModuleRows::known(uint32_t module) {
  const auto [at, fresh] = known_.try_emplace(module);
  if (fresh) {
    if (const auto bytes = bytes_of(modules_.all()[module])) {
      if (auto elf = ElfFile::open(*bytes)) {
        at->second.elf = *std::move(elf);
      }
    }
  }
  return at->second;
}

std::optional<uint64_t> ModuleRows::bias_of(uint32_t module, const Mapping& mapping) {
  const Known& of = known(module);
  if (!of.elf) {
    return std::nullopt;
  }
  const auto found = std::ranges::find_if(of.elf->segments(), [&](const ElfSegment& segment) {
    // Mappings begin at whole pages, perhaps before the segment, and end behind it.
    return segment.executable && mapping.offset < segment.offset + segment.size &&
           segment.offset < mapping.offset + (mapping.end - mapping.start);
  });
  if (found == of.elf->segments().end()) {
    return std::nullopt;
  }
  return mapping.start - mapping.offset - (found->address - found->offset);
}

ModuleRows::Place ModuleRows::place_of(Pid pid, uint32_t module, const Mapping& mapping,
                                       size_t& looks) {
  if (module < modules_.all().size() && modules_.all()[module].kind == ModuleKind::kCode) {
    if (looks == 0) {
      return {};
    }
    looks--;
    return holds_trampolines(pid, mapping) ? Place{.file = kTrampolines, .bias = mapping.start}
                                           : Place{};
  }
  const auto bias = bias_of(module, mapping);
  return bias ? Place{.file = module, .bias = *bias} : Place{};
}

const RowsView* ModuleRows::trampolines() {
  if (!trampolines_) {
    if (auto made = RowsFile::make("trampolines", kMostInMemory, make_trampoline_rows)) {
      trampolines_ = *std::move(made);
    }
  }
  return trampolines_ ? &trampolines_->view() : nullptr;
}

std::optional<RowsFile> ModuleRows::open_rows(const Module& module, const ElfFile& elf) {
  struct stat status{};
  if (module.file.ok() && ::fstat(module.file.get(), &status) != 0) {
    return std::nullopt;
  }
  const std::string identity = rows_identity(elf, status);
  if (store_ == nullptr) {
    auto made = RowsFile::make(elf, identity, kMostInMemory - in_memory_, make_file_rows);
    if (!made) {
      log::debug("no rows of {}: {}", module.path, made.error().what);
      return std::nullopt;
    }
    in_memory_ += made->own_bytes();
    return std::optional<RowsFile>(*std::move(made));
  }
  const std::string name = identity + ".rows";
  if (!Store::is_name(name)) {
    return std::nullopt;
  }
  const std::string path = store_->path_of(name);
  if (auto rows = RowsFile::open(path, identity)) {
    (void)store_->find(name);  // it was used
    return std::optional<RowsFile>(*std::move(rows));
  }
  if (const auto written = RowsFile::write(elf, identity, path, make_file_rows); !written) {
    log::debug("no rows of {}: {}", module.path, written.error().what);
    return std::nullopt;
  }
  store_->make_room();
  auto rows = RowsFile::open(path, identity);
  return rows ? std::optional<RowsFile>(*std::move(rows)) : std::nullopt;
}

const RowsView* ModuleRows::rows_of(uint32_t module) {
  if (module == kTrampolines) {
    return trampolines();
  }
  if (module >= modules_.all().size()) {
    return nullptr;
  }
  Known& of = known(module);
  if (!of.asked && of.elf) {
    of.asked = true;
    of.rows = open_rows(modules_.all()[module], *of.elf);
  }
  return of.rows ? &of.rows->view() : nullptr;
}

}  // namespace sonde
