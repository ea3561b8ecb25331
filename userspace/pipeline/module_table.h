// SPDX-License-Identifier: Apache-2.0
// ModuleTable: what sampled code stands in, each thing once, by a number that is its place. Files
// are opened when they are first met, since their process may be gone, and its container with it,
// when somebody asks for names. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "userspace/base/fd.h"
#include "userspace/inventory/mappings.h"

namespace sonde {

enum class ModuleKind : uint8_t {
  kUnknown,  // nothing is known to be mapped there
  kKernel,
  kFile,
  kCode,     // memory without a file: code that the process made itself
  kSpecial,  // the kernel's, in the process: "[vdso]"
};

struct Module {
  ModuleKind kind = ModuleKind::kUnknown;
  std::string path;  // of a file as its process sees it
  std::string build_id;
  Fd file;    // open for reading; may be none
  Pid pid{};  // kCode: whose; kFile: by which process it was met first
};

class ModuleTable {
 public:
  static constexpr uint32_t kUnknown = 0;
  static constexpr uint32_t kKernel = 1;
  static constexpr size_t kMaxModules = 16'384;  // later ones are unknown
  static constexpr size_t kMaxOpenFiles = 512;   // of later ones no names can be had

  // proc: the root of /proc.
  explicit ModuleTable(std::string proc = "/proc");

  // The number of what is mapped so in this process.
  uint32_t of(Pid pid, const Mapping& mapping);

  const std::vector<Module>& all() const { return modules_; }

 private:
  using Key = std::tuple<ModuleKind, FileIdentity, std::string, uint32_t>;

  Fd open_file(Pid pid, const Mapping& mapping) const;

  const std::string proc_;
  std::vector<Module> modules_;
  std::map<Key, uint32_t> numbers_;
  std::map<std::string, uint32_t> by_build_id_;  // of files
  size_t open_files_ = 0;
};

}  // namespace sonde
