// SPDX-License-Identifier: Apache-2.0
// HostLines: lines and inlined functions of files on this host, for one profile, which does not
// wait for them without end: what is not had in the time given is counted. One table at a time is
// held. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "userspace/pipeline/frame_lines.h"
#include "userspace/pipeline/module_lines.h"

namespace sonde {

// Files that took too long a while ago: profiles that follow do not wait for them again. They are
// told apart by build-id, those without one by path.
class LateFiles {
 public:
  static constexpr uint64_t kRestNs = 600'000'000'000;
  static constexpr size_t kMaxFiles = 4096;  // then all are tried again

  bool has(const Module& module, uint64_t now_ns) const;
  void add(const Module& module, uint64_t now_ns);

 private:
  std::map<std::string, uint64_t> until_ns_;
};

class HostLines : public FrameLines {
 public:
  // seconds: that reading files may take in all; a file may take half of what is left of it, so
  // that the next ones have their turn. Both are borrowed.
  HostLines(Extractor& extractor, LateFiles& late, uint64_t seconds);

  void find(const Module& module, uint64_t offset, std::vector<LineFrame>& out) override;

  // Files that have no lines in this profile since they would have taken too long.
  uint64_t late() const { return late_count_; }

 private:
  void open(const Module& module);

  Extractor& extractor_;
  LateFiles& late_;
  uint64_t left_ns_;
  uint64_t late_count_ = 0;
  const Module* module_ = nullptr;    // the last that was asked about
  std::optional<ModuleLines> lines_;  // its
};

}  // namespace sonde
