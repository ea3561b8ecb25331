// SPDX-License-Identifier: Apache-2.0
// ModuleRows: the unwinding rows of modules, made when somebody first needs them and kept in the
// store for the next run. One thread.
#pragma once

#include <map>
#include <optional>

#include "symbolizer/store/store.h"
#include "symbolizer/unwind/elf_file.h"
#include "symbolizer/unwind/rows_file.h"
#include "symbolizer/unwind/stack_walk.h"
#include "userspace/pipeline/module_table.h"

namespace sonde {

class ModuleRows : public RowSource {
 public:
  static constexpr size_t kMostInMemory = size_t{64} << 20;  // bytes of rows without a store

  // Both must live longer. Null: rows are kept in memory.
  ModuleRows(const ModuleTable& modules, const Store* store) : modules_(modules), store_(store) {}

  // Whose rows those of a mapping are, and what to take from an address in it to look them up.
  struct Place {
    uint32_t file = SONDE_NO_FILE;
    uint64_t bias = 0;
  };
  // Of a mapping of the module, in a process; no file: it is none that could have rows. looks: how
  // much of its memory without a file may still be looked into.
  Place place_of(Pid pid, uint32_t module, const Mapping& mapping, size_t& looks);

  // The number of what is no module, but has rows all the same: Trampolines.
  static constexpr uint32_t kTrampolines = ModuleTable::kMaxModules;

  // May take long at the first time: all of the file's rows are made then.
  const RowsView* rows_of(uint32_t module) override;

 private:
  struct Known {
    std::optional<ElfFile> elf;
    std::optional<RowsFile> rows;
    bool asked = false;  // for the rows
  };

  Known& known(uint32_t module);
  std::optional<uint64_t> bias_of(uint32_t module, const Mapping& mapping);
  const RowsView* trampolines();
  std::optional<RowsFile> open_rows(const Module& module, const ElfFile& elf);

  const ModuleTable& modules_;
  const Store* store_;
  std::map<uint32_t, Known> known_;
  std::optional<RowsFile> trampolines_;
  size_t in_memory_ = 0;
};

}  // namespace sonde
