// SPDX-License-Identifier: Apache-2.0
// ProcessTable: processes by pid, bounded, shared between the one thread that writes and any that
// ask.
//
// It is cut into slices, each with its own mutex, which is held for a few pointer moves only: never
// across I/O, never two at once. What is handed out is immutable and stays alive while it is held.
// A full slice forgets the process that was not asked for the longest.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "userspace/inventory/process.h"

namespace sonde {

class ProcessTable {
 public:
  // At least one a slice.
  explicit ProcessTable(size_t max_processes);

  // Null if it is not there. Counts as asked for. Any thread.
  std::shared_ptr<const Process> find(Pid pid) const;

  // Hands every process to f, a slice at a time, without a lock held. Any thread.
  void each(const std::function<void(const std::shared_ptr<const Process>&)>& f) const;

  // Puts or replaces. True if another process had to be forgotten. The writer only.
  bool put(std::shared_ptr<const Process> process);

  // Removes the process if what stands for the pid is still this one. The writer only.
  void remove(const std::shared_ptr<const Process>& process);

  size_t size() const;

 private:
  using Entries = std::list<std::shared_ptr<const Process>>;  // last asked for first
  struct Slice {
    mutable std::mutex mutex;
    mutable Entries entries;
    std::unordered_map<uint32_t, Entries::iterator> by_pid;
  };
  static constexpr size_t kSlices = 16;

  Slice& slice_of(Pid pid) { return slices_[static_cast<uint32_t>(pid) % kSlices]; }
  const Slice& slice_of(Pid pid) const { return slices_[static_cast<uint32_t>(pid) % kSlices]; }

  const size_t max_per_slice_;
  std::array<Slice, kSlices> slices_;
};

}  // namespace sonde
