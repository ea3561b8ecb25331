// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/process_table.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sonde {

ProcessTable::ProcessTable(size_t max_processes)
    : max_per_slice_(std::max<size_t>(max_processes / kSlices, 1)) {}

std::shared_ptr<const Process> ProcessTable::find(Pid pid) const {
  const Slice& slice = slice_of(pid);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.by_pid.find(static_cast<uint32_t>(pid));
  if (found == slice.by_pid.end()) {
    return nullptr;
  }
  slice.entries.splice(slice.entries.begin(), slice.entries, found->second);
  return *found->second;
}

bool ProcessTable::put(std::shared_ptr<const Process> process) {
  const auto pid = static_cast<uint32_t>(process->pid);
  Slice& slice = slice_of(process->pid);
  // Freed after the lock is let go.
  std::shared_ptr<const Process> replaced;
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.by_pid.find(pid);
  if (found != slice.by_pid.end()) {
    replaced = std::exchange(*found->second, std::move(process));
    return false;
  }
  bool forgotten = false;
  if (slice.by_pid.size() == max_per_slice_) {
    replaced = std::move(slice.entries.back());
    slice.by_pid.erase(static_cast<uint32_t>(replaced->pid));
    slice.entries.pop_back();
    forgotten = true;
  }
  slice.entries.push_front(std::move(process));
  slice.by_pid.emplace(pid, slice.entries.begin());
  return forgotten;
}

void ProcessTable::remove(const std::shared_ptr<const Process>& process) {
  Slice& slice = slice_of(process->pid);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.by_pid.find(static_cast<uint32_t>(process->pid));
  if (found != slice.by_pid.end() && *found->second == process) {
    slice.entries.erase(found->second);
    slice.by_pid.erase(found);
  }
}

void ProcessTable::each(const std::function<void(const std::shared_ptr<const Process>&)>& f) const {
  for (const Slice& slice : slices_) {
    std::vector<std::shared_ptr<const Process>> there;
    {
      const std::lock_guard lock(slice.mutex);
      there.assign(slice.entries.begin(), slice.entries.end());
    }
    for (const auto& process : there) {
      f(process);
    }
  }
}

size_t ProcessTable::size() const {
  size_t size = 0;
  for (const Slice& slice : slices_) {
    const std::lock_guard lock(slice.mutex);
    size += slice.by_pid.size();
  }
  return size;
}

}  // namespace sonde
