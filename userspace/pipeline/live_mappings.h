// SPDX-License-Identifier: Apache-2.0
// LiveMappings: what each process has mapped now, kept up to date by events. Known are those that
// were followed from an exec on, or were read once, and their children. Bounded: who finds no room
// is not known, and is read when somebody asks. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "userspace/inventory/mappings.h"
#include "userspace/model/code_event.h"

namespace sonde {

class LiveMappings {
 public:
  static constexpr size_t kMaxProcesses = 32'768;
  // Of all processes together; what children have of their parents counts once. Beyond it all is
  // forgotten.
  static constexpr size_t kMaxInAll = 131'072;

  // In the order of their times. However many a process has, one costs little.
  void apply(const CodeEvent& event);

  // As of the last event. Nothing: not known.
  std::optional<Mappings> of(Pid pid) const;
  // Moves with each change; 0: not known.
  uint64_t change_of(Pid pid) const;

  // What a process was read to have. From then on it is known.
  void learn(Pid pid, const Mappings& mappings);

  uint64_t lost() const { return lost_; }            // events
  uint64_t overflows() const { return overflows_; }  // how often all was forgotten
  size_t in_all() const { return *in_all_; }

 private:
  // Of one process, and of its children until theirs or its own change.
  struct Known {
    std::map<uint64_t, Mapping> by_start;
    std::shared_ptr<size_t> in_all;
    uint64_t change = 0;

    Known(std::map<uint64_t, Mapping> all, std::shared_ptr<size_t> counted);
    Known(const Known&) = delete;
    Known& operator=(const Known&) = delete;
    ~Known();
    void cut(uint64_t start, uint64_t end);
    void add(Mapping mapping);
  };

  void map(const CodeEvent& event);
  void put(Pid pid, std::shared_ptr<Known> known);

  std::map<Pid, std::shared_ptr<Known>> processes_;
  std::shared_ptr<size_t> in_all_ = std::make_shared<size_t>(0);
  uint64_t change_ = 0;
  uint64_t lost_ = 0;
  uint64_t overflows_ = 0;
};

}  // namespace sonde
