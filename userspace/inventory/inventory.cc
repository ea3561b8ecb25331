// SPDX-License-Identifier: Apache-2.0
#include "userspace/inventory/inventory.h"

#include <utility>

#include "userspace/inventory/service_name.h"

namespace sonde {

Inventory::Inventory(ProcRoot proc, size_t max_processes)
    : proc_(std::move(proc)), max_processes_(max_processes), table_(max_processes) {}

std::shared_ptr<const Process> Inventory::find(Pid pid) const {
  std::shared_ptr<const Process> process = table_.find(pid);
  if (process == nullptr) {
    add(InventoryCount::unknown);
  }
  return process;
}

Result<> Inventory::scan() {
  size_t seen = 0;
  return proc_.for_each([&](Pid pid) {
    if (++seen > max_processes_) {
      add(InventoryCount::unscanned);
    } else {
      discover(pid);
    }
    return true;
  });
}

std::shared_ptr<const Process> Inventory::discover(Pid pid) {
  std::expected<Process, ProcFailure> read = proc_.read(pid);
  if (!read) {
    switch (read.error()) {
      case ProcFailure::kGone:
        add(InventoryCount::gone);
        break;
      case ProcFailure::kDenied:
        add(InventoryCount::denied);
        break;
      case ProcFailure::kMalformed:
        add(InventoryCount::malformed);
        break;
    }
    return nullptr;
  }
  add(InventoryCount::read);
  const std::shared_ptr<const Process> known = table_.find(pid);
  if (known != nullptr && known->start_ticks != 0 && known->start_ticks != read->start_ticks) {
    add(InventoryCount::reused);
  }
  auto process = std::make_shared<const Process>(std::move(*read));
  put(process);
  return process;
}

std::shared_ptr<const Process> Inventory::confirm(Pid pid) {
  std::shared_ptr<const Process> known = table_.find(pid);
  if (known != nullptr && known->start_ticks != 0) {
    return known;
  }
  std::shared_ptr<const Process> read = discover(pid);
  return read != nullptr ? read : known;
}

void Inventory::put(std::shared_ptr<const Process> process) {
  if (table_.put(std::move(process))) {
    add(InventoryCount::forgotten);
  }
}

void Inventory::on_process(const ProcessChanged& change) {
  switch (change.change) {
    case ProcessChange::kFork:
      take_over(change);
      break;
    case ProcessChange::kExec:
      if (discover(change.pid) == nullptr) {
        take_name(change);
      }
      break;
    case ProcessChange::kExit:
      add(InventoryCount::ended);
      if (std::shared_ptr<const Process> process = table_.find(change.pid)) {
        if (ended_.size() == max_processes_) {
          drop(ended_.front());
          ended_.pop_front();
        }
        ended_.push_back(
            {.until_ns = change.time_ns + kExitGraceNs, .process = std::move(process)});
      }
      break;
  }
}

// It ended (or hid) before it could be read: the kernel's short name for the new program is better
// than the name of what it was before.
void Inventory::take_name(const ProcessChanged& exec) {
  if (exec.name.empty()) {
    return;
  }
  const std::shared_ptr<const Process> before = table_.find(exec.pid);
  Process process;
  process.pid = exec.pid;
  if (before != nullptr) {
    process.parent = before->parent;
    process.cgroup = before->cgroup;
  }
  process.user = exec.uid;
  process.executable = exec.name;  // rules by file name match it; by path they do not
  process.service_name = service_name({}, {}, exec.name);
  put(std::make_shared<const Process>(std::move(process)));
}

void Inventory::take_over(const ProcessChanged& fork) {
  const std::shared_ptr<const Process> parent = table_.find(fork.parent);
  if (parent == nullptr) {
    add(InventoryCount::orphaned);
    discover(fork.pid);
    return;
  }
  add(InventoryCount::forked);
  Process child = *parent;
  child.pid = fork.pid;
  child.parent = fork.parent;
  child.start_ticks = 0;
  put(std::make_shared<const Process>(std::move(child)));
}

void Inventory::tick(uint64_t now_ns) {
  while (!ended_.empty() && ended_.front().until_ns <= now_ns) {
    drop(ended_.front());
    ended_.pop_front();
  }
}

void Inventory::drop(const Ended& ended) { table_.remove(ended.process); }

}  // namespace sonde
