// SPDX-License-Identifier: Apache-2.0
// AddressNames: what people call the code at an address, for `sonde symbolize`. What has no name is
// given back as a place, or as it was asked for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/unwind/elf_file.h"
#include "userspace/inventory/mappings.h"
#include "userspace/pipeline/host_names.h"
#include "userspace/pipeline/module_lines.h"
#include "userspace/pipeline/module_table.h"

namespace sonde::cli {

// Where an address without anything is looked up, and how names are shown.
struct AddressScope {
  std::string file;
  uint32_t pid = 0;
  bool kernel = false;
  NameForm form = NameForm::kWritten;
  bool lines = false;  // inlined functions, files and lines too, where they are known
};

class AddressNames {
 public:
  // extractor: null if there is none; borrowed.
  AddressNames(Extractor* extractor, AddressScope scope)
      : extractor_(extractor), scope_(std::move(scope)), names_(extractor, scope_.form) {}

  // Appends the names of what these words ask for, a line for each address: "ADDRESS",
  // "FILE ADDRESS...", "FILE+0xOFFSET", "BUILDID+0xOFFSET", with or without "NAME:" before it. A
  // word that is none of these is its own answer. With lines an answer is a line for each function,
  // the innermost inlined one first, and an empty one behind them.
  void answer(std::string_view words, std::string& out);

  // Files and processes that could not be read; each was told in the log.
  uint64_t failures() const { return failures_; }

 private:
  static constexpr size_t kMaxFiles = 512;   // open at a time
  static constexpr size_t kMaxBuilds = 512;  // the same
  static constexpr size_t kMaxLines = 64;    // the same

  struct OpenFile {
    Module module;
    std::vector<ElfSegment> segments;
  };
  struct Process {
    Mappings mappings;
    ModuleTable modules;
  };

  std::string at_address(std::string_view word, std::string_view file, uint64_t address);
  std::string in_file(std::string_view word, std::string_view path, uint64_t address);
  std::string at_offset(std::string_view word, std::string_view where, uint64_t offset);
  std::string of_build(std::string_view word, const std::string& build_id, uint64_t offset);
  std::string in_process(std::string_view word, uint64_t address);
  std::string named(const Module& module, uint64_t offset);

  const std::optional<ModuleLines>& lines_in(const Module& module);
  void add(std::string_view answer, std::string& out) const;
  const OpenFile* open(std::string_view path);
  const FileSymbols* table_of(const std::string& build_id);
  void tell(const Error& error);

  Extractor* const extractor_;
  const AddressScope scope_;
  HostNames names_;
  std::map<std::string, std::unique_ptr<OpenFile>, std::less<>> files_;  // null: it cannot be read
  std::string last_path_;  // what was opened last is mostly asked for next
  const OpenFile* last_file_ = nullptr;
  std::map<std::string, std::optional<FileSymbols>> builds_;
  std::map<const Module*, std::optional<ModuleLines>> lines_;
  std::vector<LineFrame> frames_;  // of the last address
  std::unique_ptr<Process> process_;
  Module kernel_{.kind = ModuleKind::kKernel, .path = "[kernel]", .build_id = {}, .file = {}};
  bool process_read_ = false;
  uint64_t failures_ = 0;
};

}  // namespace sonde::cli
