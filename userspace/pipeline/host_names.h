// SPDX-License-Identifier: Apache-2.0
// HostNames: names of code as this host knows them now: the kernel's by kallsyms, a file's by its
// own symbols, those of code made at run time by the map that the runtime writes. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "symbolizer/runtimes/perf_map.h"
#include "symbolizer/symbols/kernel_symbols.h"
#include "symbolizer/symbols/symbol_table.h"
#include "userspace/pipeline/frame_names.h"

namespace sonde {

class HostNames : public FrameNames {
 public:
  // kallsyms: that file, opened by who could see addresses; -1: it is opened when it is needed.
  explicit HostNames(int kallsyms = -1) : kallsyms_(kallsyms) {}

  // Cheap as long as what is asked about stands in the module that was asked about before: of files
  // one table is held at a time.
  std::string name(const Module& module, uint64_t offset) override;

 private:
  static constexpr size_t kMaxPerfMaps = 256;  // held at a time

  std::string of_kernel(uint64_t address);
  std::string of_file(const Module& module, uint64_t offset);
  std::string of_code(Pid pid, uint64_t address);

  const int kallsyms_;
  std::optional<KernelSymbols> kernel_;
  bool kernel_read_ = false;
  const Module* held_ = nullptr;  // whose table it is
  std::string table_bytes_;
  std::optional<SymbolTable> table_;
  std::map<Pid, std::optional<PerfMap>> perf_maps_;
};

}  // namespace sonde
