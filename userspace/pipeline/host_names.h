// SPDX-License-Identifier: Apache-2.0
// HostNames: names of code as this host knows them now: the kernel's by kallsyms, a file's by its
// symbols, those of code made at run time by what the runtime writes of it. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "symbolizer/runtimes/jit_dump.h"
#include "symbolizer/runtimes/perf_map.h"
#include "symbolizer/symbols/kernel_symbols.h"
#include "symbolizer/symbols/symbol_table.h"
#include "userspace/extraction/file_table.h"
#include "userspace/pipeline/frame_names.h"

namespace sonde {

// As people write a name, or as linkers know it.
enum class NameForm : bool { kWritten, kLinked };

class HostNames : public FrameNames {
 public:
  // Of files there are names as far as the extractor can give them; null: none. Borrowed. kallsyms:
  // that file, opened by who could see addresses; -1: it is opened when it is needed.
  explicit HostNames(Extractor* extractor, NameForm form = NameForm::kWritten, int kallsyms = -1)
      : extractor_(extractor), form_(form), kallsyms_(kallsyms) {}

  // Dear only for a file that was not asked about for a while: so many tables are held. Modules are
  // told apart by where they are: one that is gone must not be followed by another there.
  std::string name(const Module& module, uint64_t offset) override;

  // Modules that were asked about are about to be gone.
  void forget() {
    tables_.clear();
    written_.clear();
    written_bytes_ = 0;
  }

 private:
  static constexpr size_t kMaxTables = 64;          // held at a time
  static constexpr size_t kMaxCodes = 256;          // the same, of processes
  static constexpr size_t kMaxWritten = 16u << 20;  // bytes of names as people write them

  // What a runtime tells of the code that it made.
  struct MadeCode {
    std::optional<PerfMap> map;
    std::optional<JitDump> dump;
  };

  std::string of_kernel(uint64_t address);
  std::string of_vdso(const Module& module, uint64_t offset);
  std::string of_file(const Module& module, uint64_t offset);
  const std::string& written(std::string_view linked);
  static MadeCode read_made_code(Pid pid);
  std::string of_code(Pid pid, uint64_t address);

  Extractor* const extractor_;
  const NameForm form_;
  const int kallsyms_;
  std::optional<KernelSymbols> kernel_;
  bool kernel_read_ = false;
  std::map<const Module*, std::optional<FileSymbols>> tables_;
  // By where the linked name lies in its table: one function is asked for more than once.
  std::unordered_map<const char*, std::string> written_;
  size_t written_bytes_ = 0;
  std::string vdso_bytes_;
  std::optional<SymbolTable> vdso_;
  bool vdso_read_ = false;
  std::map<Pid, MadeCode> made_;
};

}  // namespace sonde
